//! `softoff-hook`, the program libvirt runs: `HOOKPATH DOMAIN OPERATION SUB-OPERATION EXTRA`, with
//! the domain's XML on standard input.
//!
//! It appends one record to the journal and ends. It prints nothing, leaves no child, never calls
//! libvirt, and its exit code is always 0: a hook that fails would keep VMs from starting.

use std::env;
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;

use softoff_hook::arguments::Arguments;
use softoff_hook::call::{Roots, observe};
use softoff_hook::chain::Chain;
use softoff_hook::journal_dir;
use softoff_hook::mark::MARK;
use softoff_hook::standard_input::Bounded;
use softoff_journal::{Event, JournalError, Record, Stamp, Writer};

fn main() -> ExitCode {
    // Not even a defect of softoff may be seen by libvirt.
    std::panic::set_hook(Box::new(|_| std::process::exit(0)));
    std::hint::black_box(&MARK);
    if let Some(arguments) = Arguments::take(env::args_os()) {
        run(&arguments);
    }
    ExitCode::SUCCESS
}

fn run(arguments: &Arguments) {
    let now = Stamp::now();
    let program = Path::new(&arguments.program);
    let chain = Chain::beside(program);
    let stdin = rustix::stdio::stdin();
    let input = Bounded::new(stdin, chain.as_ref().map(Chain::copy));
    let call = observe(arguments, &Roots::default(), BufReader::new(input));
    let record = Record { boot_ns: now.boot_ns, wall: now.wall, event: Event::Hook(call) };
    // There is nobody to tell: libvirt would take a word for a failure.
    let _ = append(program, &record);
    if let Some(chain) = chain {
        let _ = chain.hand_over(env::args_os().skip(1), stdin);
    }
}

fn append(program: &Path, record: &Record) -> Result<(), JournalError> {
    let dir = journal_dir::locate(program, env::var_os(journal_dir::VARIABLE));
    Writer::open(&dir, "hook", env!("CARGO_PKG_VERSION"))?.append(record)
}
