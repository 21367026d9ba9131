//! What a guest's screen says: the texts that Windows shows while it shuts down, found in what was read
//! off a picture.
//!
//! A reader of pictures makes mistakes, and Windows' words differ from version to version. So both are
//! reduced to their letters, and a phrase counts as found where a stretch of the text differs from it in
//! few of them. Texts are Windows' own, as quoted in Microsoft's support articles and by its users, in
//! English, Korean, Chinese and Japanese; where a language is missing, no quotation was found.

use std::sync::LazyLock;

use softoff_journal::record::Screen;
use triple_accel::SearchType;
use triple_accel::levenshtein::{LEVENSHTEIN_COSTS, levenshtein_naive, levenshtein_search_simd_with_opts};
use unicode_normalization::UnicodeNormalization;

/// A stretch may differ from a phrase in one letter out of so many.
const TOLERANCE: usize = 6;

/// A line may differ from a short text in one letter out of so many.
const TOLERANCE_OF_LINES: usize = 10;

/// The most letters that are looked at: a record of a look holds no more.
const MOST: usize = Screen::MAX_TEXT;

/// What a screen can say about a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    /// Updates are being worked on.
    Updating,
    /// Updates have failed and are being taken back.
    RollingBack,
    /// Windows gets ready: after an update, or on its first boot.
    GettingReady,
    /// The installer of Windows' own parts is waited for.
    ModulesInstaller,
    /// A service is waited for.
    Service,
    /// It shuts down, or ends services.
    ShuttingDown,
    /// It shuts down while the power button is held.
    ButtonHeld,
    /// It has shut down, and could not switch the machine off.
    SafeToTurnOff,
    /// Applications keep it from shutting down.
    AppsBlock,
    /// Others are logged on, and somebody is asked whether they may lose their work.
    OthersLoggedOn,
    /// The Shutdown Event Tracker asks for a reason.
    Tracker,
    /// The out-of-box experience of a first boot.
    FirstBoot,
    /// Nobody is logged on, or the session is locked.
    LogOn,
    /// It crashed.
    BugCheck,
}

impl Message {
    /// What it means, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Updating => "Windows works on updates",
            Self::RollingBack => "an update has failed, and Windows takes it back",
            Self::OthersLoggedOn => "Windows asks because others are logged on",
            Self::ButtonHeld => "Windows is shutting down and finds the power button held",
            Self::SafeToTurnOff => "Windows has shut down and cannot switch the machine off",
            Self::GettingReady => "Windows is getting ready",
            Self::ModulesInstaller => "Windows waits for its Modules Installer",
            Self::Service => "Windows waits for a service",
            Self::ShuttingDown => "Windows is shutting down",
            Self::AppsBlock => "an application keeps Windows from shutting down",
            Self::Tracker => "the Shutdown Event Tracker asks for a reason",
            Self::FirstBoot => "Windows is being set up",
            Self::LogOn => "Windows waits for somebody to log on",
            Self::BugCheck => "Windows has crashed",
        }
    }
}

/// The texts of each message. A row holds where all of its phrases are found. What tells more comes
/// first: an update's screen asks not to turn the computer off, and so do others.
const TEXTS: &[(Message, &[&str])] = &[
    (Message::BugCheck, &["your device ran into a problem"]),
    (Message::ButtonHeld, &["please release the power button"]),
    (Message::SafeToTurnOff, &["it's now safe to turn off your computer"]),
    (Message::OthersLoggedOn, &["someone else is still using this PC"]),
    (Message::Tracker, &["Shutdown Event Tracker"]),
    (Message::Tracker, &["choose a reason that best describes why"]),
    (Message::Tracker, &["关闭事件跟踪程序"]),
    (Message::AppsBlock, &["this app is preventing you from shutting down"]),
    (Message::AppsBlock, &["this app is preventing shutdown"]),
    (Message::AppsBlock, &["this app is preventing you from restarting"]),
    (Message::AppsBlock, &["this program is preventing Windows from shutting down"]),
    (Message::AppsBlock, &["programs still need to close"]),
    (Message::AppsBlock, &["apps and shutting down", "shut down anyway"]),
    (Message::AppsBlock, &["app and shutting down", "shut down anyway"]),
    (Message::AppsBlock, &["이 앱 때문에 종료할 수 없습니다"]),
    (Message::AppsBlock, &["이 프로그램이 Windows 종료를 막고 있습니다"]),
    (Message::AppsBlock, &["개의 프로그램을 닫아야 합니다"]),
    (Message::AppsBlock, &["此应用正在阻止关机"]),
    (Message::AppsBlock, &["此应用阻止关机"]),
    (Message::AppsBlock, &["このプログラムが Windows のシャットダウンを妨げています"]),
    (Message::RollingBack, &["failure configuring Windows updates"]),
    (Message::RollingBack, &["reverting changes", "turn off your computer"]),
    (Message::Updating, &["working on updates"]),
    (Message::Updating, &["configuring Windows updates"]),
    (Message::Updating, &["configuring updates: stage"]),
    (Message::Updating, &["applying update operation"]),
    (Message::Updating, &["업데이트 작업 중", "컴퓨터를 끄지 마"]),
    (Message::Updating, &["구성 중", "컴퓨터의 전원을 끄지 마십시오"]),
    (Message::Updating, &["正在更新你的系统"]),
    (Message::Updating, &["正在配置 Windows 更新"]),
    (Message::Updating, &["更新プログラムの操作"]),
    (Message::Updating, &["更新プログラムの構成中"]),
    (Message::GettingReady, &["getting Windows ready"]),
    (Message::GettingReady, &["Windows가 준비 중입니다"]),
    (Message::GettingReady, &["正在准备 Windows"]),
    (Message::GettingReady, &["Windowsの準備をしています"]),
    (Message::ModulesInstaller, &["please wait for the Windows Modules Installer"]),
    (Message::ModulesInstaller, &["请等待 Windows 模块安装程序"]),
    (Message::Service, &["please wait for the Group Policy Client"]),
    (Message::Service, &["please wait for the Local Session Manager"]),
    (Message::LogOn, &["press Ctrl+Alt+Delete to unlock"]),
    (Message::LogOn, &["press Ctrl+Alt+Delete to sign in"]),
    (Message::LogOn, &["press Ctrl+Alt+Del to sign in"]),
    (Message::LogOn, &["press Ctrl+Alt+Delete to log on"]),
];

/// Texts so short that they count only as a whole line of the screen.
const LINES: &[(Message, &str)] = &[
    (Message::ShuttingDown, "shutting down"),
    (Message::ShuttingDown, "stopping services"),
    (Message::ShuttingDown, "正在关机"),
    (Message::ShuttingDown, "restarting"),
    (Message::FirstBoot, "just a moment"),
];

/// A phrase in the form that texts are compared in.
#[derive(Debug)]
struct Phrase {
    /// Each different letter of it once; a letter's code is its place here plus one.
    alphabet: Vec<char>,
    codes: Vec<u8>,
}

impl Phrase {
    fn new(text: &str) -> Self {
        let letters = letters(text);
        let mut alphabet = letters.clone();
        alphabet.sort_unstable();
        alphabet.dedup();
        let mut phrase = Self { alphabet, codes: Vec::new() };
        phrase.codes = phrase.encode(&letters);
        phrase
    }

    /// Letters of a text as bytes, which is what can be searched fast: those that are not in the phrase
    /// are all alike.
    fn encode(&self, letters: &[char]) -> Vec<u8> {
        let code = |letter| self.alphabet.binary_search(letter).map_or(0, |at| at + 1);
        letters.iter().map(|letter| u8::try_from(code(letter)).unwrap_or(0)).collect()
    }

    /// Whether a stretch of the letters is nearly the phrase.
    fn is_in(&self, letters: &[char]) -> bool {
        let text = self.encode(letters);
        let most = self.codes.len() / TOLERANCE;
        if most == 0 {
            return text.windows(self.codes.len()).any(|stretch| stretch == self.codes);
        }
        if !self.has_a_piece_in(&text, most) {
            return false;
        }
        let most = u32::try_from(most).unwrap_or(0);
        levenshtein_search_simd_with_opts(
            &self.codes,
            &text,
            most,
            SearchType::Best,
            LEVENSHTEIN_COSTS,
            false,
        )
        .next()
        .is_some()
    }

    /// Of one piece more than there may be mistakes, one at least is without any: where none stands in the
    /// text, there is nothing to search for, which is so of almost every screen and much faster.
    fn has_a_piece_in(&self, text: &[u8], most: usize) -> bool {
        let length = self.codes.len() / (most + 1);
        let pieces = self.codes.chunks_exact(length).take(most + 1);
        pieces.into_iter().any(|piece| text.windows(length).any(|stretch| stretch == piece))
    }

    /// Whether the letters are nearly the phrase and nothing else.
    fn is(&self, letters: &[char]) -> bool {
        let most = self.codes.len() / TOLERANCE_OF_LINES;
        letters.len().abs_diff(self.codes.len()) <= most
            && levenshtein_naive(&self.codes, &self.encode(letters)) as usize <= most
    }
}

/// [`TEXTS`] as they are searched for.
static PHRASES: LazyLock<Vec<(Message, Vec<Phrase>)>> = LazyLock::new(|| {
    let phrases = |texts: &[&str]| texts.iter().map(|text| Phrase::new(text)).collect();
    TEXTS.iter().map(|(message, texts)| (*message, phrases(texts))).collect()
});

/// [`LINES`] as they are searched for.
static SHORT: LazyLock<Vec<(Message, Phrase)>> =
    LazyLock::new(|| LINES.iter().map(|(message, text)| (*message, Phrase::new(text))).collect());

/// What the text read off a screen says, if it is one of Windows' own.
pub fn message(text: &str) -> Option<Message> {
    let letters = letters(text);
    let whole = PHRASES.iter().find(|(_, phrases)| phrases.iter().all(|phrase| phrase.is_in(&letters)));
    whole.map(|(message, _)| *message).or_else(|| line(text))
}

fn line(text: &str) -> Option<Message> {
    let lines: Vec<Vec<char>> = text.lines().map(letters).collect();
    let holds = |phrase: &Phrase| lines.iter().any(|line| phrase.is(line));
    SHORT.iter().find(|(_, phrase)| holds(phrase)).map(|(message, _)| *message)
}

/// The letters of a text in one form (NFKC, lower case), without spaces, digits and punctuation: between
/// the signs of some scripts a reader puts spaces at will.
fn letters(text: &str) -> Vec<char> {
    let letters = text.nfkc().flat_map(char::to_lowercase).filter(|sign| sign.is_alphabetic());
    letters.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_text_says_what_it_stands_for() {
        for (expected, phrases) in TEXTS {
            assert_eq!(message(&phrases.join("\n")), Some(*expected), "{phrases:?}");
        }
        for (expected, text) in LINES {
            assert_eq!(message(text), Some(*expected), "{text}");
        }
    }

    #[test]
    fn what_a_reader_made_of_pictures_is_understood() {
        let read = [
            ("Working on updates\n359% complete\nDonrt turn off your computer", Message::Updating),
            ("正在 更 新 你 的 系统 (359%)\n请 不 要 关闭 计算 机", Message::Updating),
            ("\\1000\\5 4ㅁ03165 구성 중\n3509 완료\n컴 퓨 터 의 전원을 끄지 마십시오.", Message::Updating),
            (
                "更新 プロ グラ ム の 操作 35% 完了\nコン ピュ ー タ ー の 電源 を 切ら な いで くだ さい",
                Message::Updating,
            ),
            (
                "2개의 프로그램을 닫아야 합니다\n메모장\n이 앰 때문에 종료할 수 없습니다.\n강제 종료 취소",
                Message::AppsBlock,
            ),
            ("此 应 用 正在 阻止 天 机\n记事 本", Message::AppsBlock),
            ("天 闭 事 件 跟踪 程序", Message::Tracker),
            ("Windows7} 준비 중 입 니다.\n컴 퓨 터 를 끄지 마세요.", Message::GettingReady),
            ("Press Ctrl+A1t+De1ete to unlock.\n09:41\nTuesday, November 24", Message::LogOn),
            ("Failure configuring Windows updates\nReverting changes", Message::RollingBack),
            (
                "1 program still needs to close\nNotepad\nThis program is preventing Windows from shutting down.\nForce shutdown Cancel",
                Message::AppsBlock,
            ),
            (
                "1개의 프로그램을 닫아야 합니다\n이 프로그램이 Windows SBS 막고 있습니다\n강제 종료",
                Message::AppsBlock,
            ),
            ("이 Y 때문에 종료할 수 없습니다", Message::AppsBlock),
            ("Windows 更新ブログラムの構成中\n42% 完了\n電源を切らないでください", Message::Updating),
            ("正在更新休的償銃 (35%)\n正在更新你的系统 (359%)\n靖不要茨団寺算机", Message::Updating),
            ("Justa moment..，", Message::FirstBoot),
            (
                "Please release the power button.\nWe just need a few more seconds to shut down.",
                Message::ButtonHeld,
            ),
            ("It's now safe to turn off your computer", Message::SafeToTurnOff),
            ("Someone else is still using this PC", Message::OthersLoggedOn),
        ];
        for (text, expected) in read {
            assert_eq!(message(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_phrase_without_its_longest_word_is_none() {
        for (_, texts) in TEXTS.iter().filter(|(_, texts)| texts.iter().all(|text| text.is_ascii())) {
            let text = texts.join(" ");
            let longest = text.split(' ').max_by_key(|word| word.len()).expect("a word");
            let rest = text.replace(longest, "");
            assert_eq!(message(&rest), None, "{rest}");
        }
    }

    #[test]
    fn as_much_text_as_a_record_holds_is_searched_through() {
        let hostile = ["working on updatez ", "a", "正在", "é\n", "shutting dow\n"];
        for text in hostile {
            let text = text.repeat(Screen::MAX_TEXT / text.len());
            message(&text);
        }
    }

    #[test]
    fn an_ordinary_screen_says_nothing() {
        let screens = [
            "",
            "Debian GNU/Linux 12 web-01 tty1\n\nweb-01 login:",
            "[  OK  ] Stopped target Timers.\n[  OK  ] Reached target Shutdown.\nreboot: Power down",
            "Booting from Hard Disk...\nGRUB loading.",
            "Updates are available. Restart your computer to install them.",
            "This program needs to close. Save your work and log on again later.",
            "正在开机",
            "正在关闭",
            "Stopping service sshd",
            "Stopping services: sshd, cron.\nShutting down swap.\nRestarting system.",
            "sh: just a moment ago the updates were working on this program",
            "Ubuntu 24.04 LTS web tty1\nweb login: root\nPassword:\n0 updates can be applied immediately.",
            "SeaBIOS (version 1.16.2)\niPXE (http://ipxe.org)\nPress Ctrl-B to configure iPXE",
            "CentOS Linux 7 (Core)\nKernel 3.10.0 on an x86_64",
            "FreeBSD/amd64 (bsd) (ttyv0)\nlogin:\nStopping cron.\nWaiting for PIDS: 604.\nThe operating system has halted.\nPlease press any key to reboot.",
            "Press Ctrl+Alt+Delete to restart",
            "Automatic updates: 3 devices ran into a problem",
            "컴퓨터를 끄지 마십시오",
            "请不要关闭计算机",
            "電源を切らないでください",
            "Windows Update: 3 important updates are available, 35% of your disk is used. Working on it.",
        ];
        for screen in screens {
            assert_eq!(message(screen), None, "{screen}");
        }
    }

    proptest! {
        #[test]
        fn chance_says_nothing(text in "[a-z가-힣一-龥ぁ-ヶ \n]{0,400}") {
            prop_assert_eq!(message(&text), None);
        }

        #[test]
        fn one_wrong_letter_in_ten_does_not_matter(
            row in 0..TEXTS.len(),
            wrong in prop::collection::vec((any::<prop::sample::Index>(), "[a-z0-9#]"), 4),
        ) {
            let (expected, phrases) = TEXTS[row];
            // Short words have to be whole.
            prop_assume!(phrases.iter().all(|text| letters(text).len() >= TOLERANCE));
            let mut read: Vec<char> = phrases.join("\n").chars().collect();
            for (at, sign) in wrong.iter().take(read.len() / (10 * phrases.len())) {
                let at = at.index(read.len());
                read[at] = sign.chars().next().expect("a sign");
            }
            prop_assert_eq!(message(&read.into_iter().collect::<String>()), Some(expected));
        }

        #[test]
        fn spaces_and_case_do_not_matter(row in 0..TEXTS.len(), at in prop::collection::vec(any::<bool>(), 200)) {
            let (expected, phrases) = TEXTS[row];
            let text = phrases.join("\n").to_uppercase();
            let spaced: String =
                text.chars().zip(at.iter().cycle()).flat_map(|(sign, space)| [Some(sign), space.then_some(' ')]).flatten().collect();
            prop_assert_eq!(message(&spaced), Some(expected));
        }

        #[test]
        fn nothing_read_makes_it_fail(text in any::<String>()) {
            message(&text);
        }
    }
}
