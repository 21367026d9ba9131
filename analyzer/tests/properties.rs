//! What holds for any journal, whatever was lost, reordered or made up.

mod story;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use softoff_analyzer::episode::Outcome;
use softoff_analyzer::{AsOf, Cause, Episode};
use softoff_journal::record::{
    Activity, AgentAnswer, AgentQuestion, Bin, Coverage, HostLoad, LibvirtCall, Loss, LossStage, Operation,
    ProcessId, Sender, ShutoffReason, Sign, TracerState, Window, WindowState,
};
use softoff_journal::{Event, Record};
use story::{BOOT, Story};

/// Phases are contiguous, in order, never negative, and add up to the duration.
fn check(episode: &Episode) {
    let mut end = 0.0;
    for phase in &episode.phases {
        assert!(phase.seconds >= 0.0, "{phase:?} in {episode:#?}");
        assert!((phase.start_seconds - end).abs() < 1e-3, "{phase:?} in {episode:#?}");
        end = phase.start_seconds + phase.seconds;
    }
    assert!(episode.phases.windows(2).all(|pair| pair[0].name < pair[1].name), "{episode:#?}");
    if let Some(duration) = episode.duration_seconds {
        assert!((end - duration).abs() < 1e-3, "{end} {episode:#?}");
    }
    assert!((0.0..=1.0).contains(&episode.cause.confidence));
    let ranked = episode.candidates.windows(2).all(|pair| pair[0].confidence >= pair[1].confidence);
    assert!(ranked, "{:?}", episode.candidates);
}

/// Stories with a known end, told with times that vary.
fn stories() -> impl Strategy<Value = Story> {
    let times = (0.001..2.0_f64, 0.1..4.0_f64, 0.0..1.0_f64);
    (times, 0..7_u8).prop_map(|((notice, guest, rest), kind)| {
        let asked = Story::watched().press(0.0, true).sci(0.002).acknowledged(0.002 + notice);
        let end = 0.01 + notice + guest;
        match kind {
            0 => asked.s5(end).torn_down(end + rest),
            1 => asked.terminated(end, "libvirtd").exit(end + rest).released(end + rest + 0.1, None),
            2 => Story::watched().press(0.0, false).terminated(end, "libvirtd").exit(end + rest),
            3 => asked.sign(end, Sign::ResetRequest { cause: "guest-reset".to_owned() }),
            4 => asked.sign(end, Sign::SuspendRequest),
            5 => Story::watched().s5(0.0).torn_down(rest),
            _ => Story::watched()
                .signal(0.0, 9, "oom")
                .exit(rest)
                .released(rest + 0.2, Some(ShutoffReason::Crashed)),
        }
    })
}

fn signs() -> impl Strategy<Value = Sign> {
    let causes =
        select(vec!["guest-shutdown", "guest-reset", "host-signal", "host-qmp-quit", "guest-panic", "?"]);
    let cause = causes.prop_map(str::to_owned);
    let sender = (any::<u32>(), select(vec!["libvirtd", "virtqemud", "kill"]));
    let sender = sender.prop_map(|(pid, comm)| Sender { pid, comm: comm.to_owned() });
    prop_oneof![
        Just(Sign::QmpSystemPowerdown),
        Just(Sign::PowerdownRequest),
        any::<Option<bool>>().prop_map(|enabled| Sign::PowerButton { enabled }),
        any::<(bool, Option<u16>, Option<u16>)>().prop_map(|(vcpu, status, enable)| Sign::Sci {
            vcpu,
            status,
            enable
        }),
        (select(vec![0x600_u16, 0x602, 0x604, 0xb000, 0xb2, u16::MAX]), any::<(bool, u32)>())
            .prop_map(|(port, (write, value))| Sign::PortIo { port, write, value }),
        Just(Sign::SuspendRequest),
        Just(Sign::SuspendDisk),
        cause.clone().prop_map(|cause| Sign::ShutdownRequest { cause }),
        cause.clone().prop_map(|cause| Sign::ResetRequest { cause }),
        (any::<bool>(), cause).prop_map(|(guest, cause)| Sign::Shutdown { guest, cause }),
        select(vec!["postmigrate", "running", "io-error", "paused", "suspended"])
            .prop_map(|state| Sign::RunState { state: state.to_owned() }),
        any::<u64>().prop_map(|duration_ns| Sign::VmStop { duration_ns }),
        Just(Sign::GuestPanicked),
        Just(Sign::OomKill),
        any::<bool>().prop_map(|open| Sign::VserportChange { id: "channel0".to_owned(), open }),
        (calls(), 0..4_u32).prop_map(|(call, flags)| Sign::LibvirtCall { call, flags }),
        (calls(), any::<bool>()).prop_map(|(call, failed)| Sign::LibvirtReturn { call, failed }),
        (any::<i32>(), sender).prop_map(|(signal, sender)| Sign::Signal { signal, sender }),
        any::<(Option<i32>, Option<i32>)>().prop_map(|(status, signal)| Sign::Exit { status, signal }),
    ]
}

fn calls() -> impl Strategy<Value = LibvirtCall> {
    select(vec![LibvirtCall::Shutdown, LibvirtCall::Destroy, LibvirtCall::Reboot, LibvirtCall::Reset])
}

/// Any numbers, and numbers as they are.
fn bins() -> impl Strategy<Value = Bin> {
    let number = || prop_oneof![3 => 0..1_000_000_u64, 1 => any::<u64>()];
    let blocks = (number(), number(), number(), number(), number(), number());
    (blocks, number(), number(), number(), number(), number()).prop_map(
        |(
            (reads, read_bytes, writes, write_bytes, flushes, failed),
            inflight,
            stalled_ms,
            unflushed_bytes,
            run_us,
            wait_us,
        )| Bin {
            reads,
            read_bytes,
            writes,
            write_bytes,
            flushes,
            failed,
            inflight,
            stalled_ms,
            unflushed_bytes,
            run_us,
            wait_us,
        },
    )
}

fn activities() -> impl Strategy<Value = (u32, Vec<Bin>, HostLoad)> {
    let host = any::<(Option<u64>, Option<u64>)>();
    let host = host.prop_map(|(throttled_us, stopped_us)| HostLoad {
        throttled_us,
        stopped_us,
        ..HostLoad::default()
    });
    (prop_oneof![3 => Just(100_u32), 1 => any::<u32>()], vec(bins(), 0..12), host)
}

fn steps() -> impl Strategy<Value = Story> {
    let operation = select(vec![
        Operation::Prepare,
        Operation::Start,
        Operation::Started,
        Operation::Stopped,
        Operation::Release,
        Operation::Reconnect,
        Operation::Other("new".to_owned()),
    ]);
    let reason = prop_oneof![
        Just(None),
        select(vec![
            Some(ShutoffReason::Shutdown),
            Some(ShutoffReason::Destroyed),
            Some(ShutoffReason::Crashed),
            Some(ShutoffReason::Failed),
        ]),
    ];
    let step = prop_oneof![
        4 => signs().prop_map(Step::Sign),
        2 => (operation, reason).prop_map(|(operation, reason)| Step::Hook(operation, reason)),
        1 => Just(Step::Watch),
        2 => activities().prop_map(|(bin_ms, bins, host)| Step::Activity(bin_ms, bins, host)),
        1 => any::<bool>().prop_map(Step::Window),
        1 => any::<u64>().prop_map(|count| Step::Loss(count / 1000)),
    ];
    vec((-200.0..20_000.0_f64, 0..3_u64, step), 0..40).prop_map(|steps| {
        steps.into_iter().fold(Story::default(), |mut story, (seconds, process, step)| {
            story.process = ProcessId { pid: 100, start_ticks: 100_000 + process };
            match step {
                Step::Sign(sign) => story.sign(seconds, sign),
                Step::Hook(operation, reason) => story.hook(seconds, operation, reason),
                Step::Watch => story.found_with_agent(seconds, Coverage::Symbols, Some(true)),
                Step::Window(open) => {
                    let state = if open { WindowState::Opened } else { WindowState::Closed };
                    let process = story.process;
                    story.record(seconds, Event::Window(Window { process, state, missing: Vec::new() }))
                }
                Step::Activity(bin_ms, bins, host) => {
                    let process = story.process;
                    story.record(seconds, Event::Activity(Activity { process, bin_ms, vcpus: 2, bins, host }))
                }
                Step::Loss(count) => story.record(
                    seconds,
                    Event::Loss(Loss { stage: LossStage::RingBuffer, count, process: None }),
                ),
            }
        })
    })
}

#[derive(Debug, Clone)]
enum Step {
    Sign(Sign),
    Hook(Operation, Option<ShutoffReason>),
    Watch,
    Loss(u64),
    Window(bool),
    Activity(u32, Vec<Bin>, HostLoad),
}

/// The records that come within the reordering window of the request, in any order, after those
/// before it in theirs.
fn shuffled(story: Story) -> impl Strategy<Value = (Story, Vec<Record>)> {
    let (early, late): (Vec<_>, Vec<_>) =
        story.records.iter().cloned().partition(|record| record.boot_ns < story::at(-1.0));
    let late = Just(late).prop_shuffle();
    late.prop_map(move |late| (story.clone(), early.iter().cloned().chain(late).collect()))
}

/// What may be seen of a guest, whenever that is.
fn seen_inside(story: Story) -> impl Strategy<Value = Story> {
    let text = prop_oneof![
        ".{0,60}".prop_map(Some),
        Just(None),
        select(vec!["Working on updates", "Shutdown Event Tracker", "Just a moment"])
            .prop_map(|text| Some(text.to_owned())),
    ];
    let looks = vec((-50.0..100.0_f64, text, any::<Option<bool>>()), 0..6);
    let answers = vec((-50.0..100.0_f64, 0..5_u32, 0..4_u8), 0..6);
    (looks, answers).prop_map(move |(looks, answers)| {
        let looked = looks.into_iter().fold(story.clone(), |story, (at, text, changed)| match text {
            Some(text) if changed.is_some() => story.looked_again(at, &text, changed),
            Some(text) if text.len() % 2 == 0 => story.failed_to_look(at, &text),
            text => story.looked(at, text.as_deref()),
        });
        answers.into_iter().fold(looked, |story, (at, value, kind)| match kind {
            0 => story.asked(at, AgentQuestion::Ping, AgentAnswer::Silent),
            1 => story.asked(at, AgentQuestion::Ping, AgentAnswer::Alive),
            2 => story.asked(at, AgentQuestion::Os, AgentAnswer::Failed("no".to_owned())),
            _ => story.settings(at, value, value % 2, value % 3),
        })
    })
}

proptest! {
    #[test]
    fn any_interleaving_gives_the_same_episodes((story, records) in stories().prop_flat_map(shuffled)) {
        let told = story::episodes(story::entries(&records), None);
        prop_assert_eq!(told, story.episodes());
    }

    #[test]
    fn steps_of_the_wall_clock_change_no_judgement(story in stories(), steps in vec(-1_000_000_000_i64..1_000_000_000, 64)) {
        let mut stepped = story.clone();
        for (record, step) in stepped.records.iter_mut().zip(steps.iter().cycle()) {
            record.wall += chrono::Duration::seconds(*step);
        }
        let strip = |mut episode: Episode| {
            episode.request.at = None;
            if let Some(qemu) = &mut episode.qemu { qemu.started_at = None }
            episode
        };
        let told: Vec<_> = stepped.episodes().into_iter().map(strip).collect();
        let known: Vec<_> = story.episodes().into_iter().map(strip).collect();
        prop_assert_eq!(told, known);
    }

    #[test]
    fn whatever_is_lost_no_phase_is_negative(story in stories(), kept in vec(any::<bool>(), 64)) {
        let mut torn = story;
        let mut kept = kept.iter().cycle();
        torn.records.retain(|_| *kept.next().expect("endless"));
        torn.episodes().iter().for_each(check);
    }

    #[test]
    fn a_loss_that_was_counted_accuses_nobody_of_a_clean_shutdown(kept in vec(any::<bool>(), 64)) {
        let mut story = Story::watched().heard(0.0).s5(1.0).torn_down(1.0);
        let mut kept = kept.iter().cycle();
        story.records.retain(|record| matches!(record.event, Event::Hook(_)) || *kept.next().expect("endless"));
        let loss = Loss { stage: LossStage::RingBuffer, count: 1, process: None };
        for episode in story.record(1.5, Event::Loss(loss)).episodes() {
            prop_assert_eq!(episode.cause.code, Cause::None, "{:#?}", episode);
        }
    }

    #[test]
    fn made_up_journals_are_survived(story in steps(), now in -100.0..30_000.0_f64) {
        let mut episodes = story.episodes();
        episodes.extend(story.episodes_as_of(now));
        episodes.iter().for_each(check);
    }

    #[test]
    fn clocks_at_their_ends_are_survived(sign in signs(), boot_ns in select(vec![0, 1, u64::MAX / 2, u64::MAX])) {
        let mut story = Story::watched().heard(0.0).sign(1.0, sign).torn_down(2.0);
        if let Some(record) = story.records.last_mut() { record.boot_ns = boot_ns }
        let ready = Event::Tracer(TracerState::Ready { pid: 1, missing: Vec::new() });
        let mut story = story.record(0.0, ready);
        story.process.start_ticks = u64::MAX;
        let story = story.found(0.0, Coverage::Symbols).exit(5.0);
        let as_of = AsOf { boot_id: BOOT, boot_ns };
        story::episodes(story.entries(), Some(as_of)).iter().for_each(check);
    }

    #[test]
    fn an_ended_story_is_never_pending(story in stories()) {
        prop_assert!(story.episodes().iter().all(|episode| episode.outcome != Outcome::Pending));
    }

    #[test]
    fn what_is_seen_inside_changes_no_outcome_and_no_time(
        (plain, looked) in stories().prop_flat_map(|story| (Just(story.clone()), seen_inside(story))),
    ) {
        let course = |episode: &Episode| {
            let mut episode = episode.clone();
            episode.completeness.missing.clear();
            (
                (episode.id, episode.outcome, episode.verdict, episode.escalated),
                (episode.duration_seconds, episode.phases, episode.request, episode.completeness.lost_events),
            )
        };
        let courses = |story: &Story| story.episodes().iter().map(course).collect::<Vec<_>>();
        prop_assert_eq!(courses(&looked), courses(&plain));
        looked.episodes().iter().for_each(check);
    }
}
