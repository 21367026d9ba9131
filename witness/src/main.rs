//! `softoff-witness`: looks at a guest's screen and asks its agent, through libvirt, while its shutdown
//! lasts. A program of its own, because a call of libvirt can hang: the recorder ends it then.

fn main() {}
