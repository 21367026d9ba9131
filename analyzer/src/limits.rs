//! The few durations that judgements rest on, with their reasons. All in nanoseconds.

const SECOND: u64 = 1_000_000_000;

/// From here on a shutdown is slow. The longest of 51 shutdown cycles in public Windows event logs
/// took 49 s, so a minute is above what healthy guests need.
pub const SLOW: u64 = 60 * SECOND;

/// A request that nothing came of counts as ignored after this. It is the longest grace period in
/// common use (Windows templates of KubeVirt), so a later stop was not waiting for that request.
pub const PATIENCE: u64 = 3600 * SECOND;

/// How far out of order records may come: a hook stamps its record before it writes it, and the
/// tracer drains its buffer at its own pace.
pub const REORDER: u64 = 10 * SECOND;

/// A run whose last hook was seen is finished once the journal has moved on by this much: hook and
/// tracer write at different speeds.
pub const SETTLE_AFTER_RELEASE: u64 = 60 * SECOND;

/// A run whose process is gone but whose last hook was not seen is finished after this. libvirt
/// gives up on a QEMU after 40 s, plus 2 s for each host device, and serialises its hooks.
pub const SETTLE_AFTER_EXIT: u64 = 600 * SECOND;

/// The tracer records losses once a second; a loss is at most this old when it is recorded.
pub const LOSS_PERIOD: u64 = 2 * SECOND;

/// The most facts kept of one run. Sentinels give some tens for a shutdown; only a guest that
/// resets or misuses its registers without end comes near this, and what goes is counted as lost.
pub const FACTS_PER_RUN: usize = 20_000;

/// The most stretches of activity kept of one run; beyond it the older ones are put together.
pub const STRETCHES_PER_RUN: usize = 8_192;

/// A disk that has requests in flight and completes none for this long is stalled, in milliseconds:
/// far above what a loaded disk needs, below the time-outs of guests.
pub const STALL_MS: u64 = 2_000;

/// Something has to last this long to be called long, whatever share of a shutdown it has.
pub const LONG: u64 = 3 * SECOND;

/// So long a guest has to be idle before that means anything: services pause too.
pub const IDLE: u64 = 5 * SECOND;

/// A machine that was started within this time may still be on its first boot.
pub const YOUNG: u64 = 1800 * SECOND;

/// While a window is open the tracer writes at least every ten seconds; after this it is gone.
pub const SILENCE: u64 = 30 * SECOND;

/// What is looked at right before a guest's end: what it did last.
pub const LAST: u64 = 3 * SECOND;

/// An SCI that is not acknowledged for so long was not: a guest that runs takes milliseconds.
pub const UNACKNOWLEDGED: u64 = 2 * SECOND;
