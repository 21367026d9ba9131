//! What a guest's screen says: the texts that Windows shows while it shuts down, found in what was read
//! off a picture.
//!
//! A reader of pictures makes mistakes, and Windows' words differ from version to version. So both are
//! reduced to their letters, and a phrase counts as found where a stretch of the text differs from it by
//! little. Texts are Windows' own, as quoted in Microsoft's support articles and by its users, in
//! English, Korean, Chinese and Japanese; where a language is missing, no quotation was found.

use triple_accel::SearchType;
use triple_accel::levenshtein::{LEVENSHTEIN_COSTS, levenshtein_search_simd_with_opts};
use unicode_normalization::UnicodeNormalization;

/// A stretch may differ from a phrase in one byte out of so many: a letter of a Latin script is one
/// byte, one of the others three.
const TOLERANCE: usize = 6;

/// What a screen can say about a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    /// Updates are being worked on, or taken back.
    Updating,
    /// Windows gets ready: after an update, or on its first boot.
    GettingReady,
    /// The installer of Windows' own parts is waited for.
    ModulesInstaller,
    /// A service is waited for.
    Service,
    /// It shuts down, or ends services.
    ShuttingDown,
    /// Applications keep it from shutting down.
    AppsBlock,
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
    (Message::Updating, &["working on updates"]),
    (Message::Updating, &["configuring Windows updates"]),
    (Message::Updating, &["configuring updates: stage"]),
    (Message::Updating, &["applying update operation"]),
    (Message::Updating, &["reverting changes", "turn off your computer"]),
    (Message::Updating, &["failure configuring Windows updates"]),
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
    (Message::ShuttingDown, &["stopping services"]),
    (Message::ShuttingDown, &["正在关机"]),
    (Message::LogOn, &["press Ctrl+Alt+Delete to unlock"]),
    (Message::LogOn, &["press Ctrl+Alt+Delete to sign in"]),
    (Message::LogOn, &["press Ctrl+Alt+Del to sign in"]),
    (Message::LogOn, &["press Ctrl+Alt+Delete to log on"]),
];

/// Texts so short that they count only as a whole line of the screen.
const LINES: &[(Message, &str)] = &[
    (Message::ShuttingDown, "shutting down"),
    (Message::ShuttingDown, "restarting"),
    (Message::FirstBoot, "just a moment"),
];

/// What the text read off a screen says, if it is one of Windows' own.
pub fn message(text: &str) -> Option<Message> {
    let letters = letters(text);
    let whole = TEXTS.iter().find(|(_, phrases)| phrases.iter().all(|phrase| holds(&letters, phrase)));
    whole.map(|(message, _)| *message).or_else(|| line(text))
}

fn line(text: &str) -> Option<Message> {
    let lines: Vec<Vec<u8>> = text.lines().map(letters).collect();
    LINES.iter().find(|(_, line)| lines.contains(&letters(line))).map(|(message, _)| *message)
}

/// Whether a stretch of the letters is nearly the phrase.
fn holds(text: &[u8], phrase: &str) -> bool {
    let phrase = letters(phrase);
    let most = u32::try_from(phrase.len() / TOLERANCE).unwrap_or(0);
    levenshtein_search_simd_with_opts(&phrase, text, most, SearchType::Best, LEVENSHTEIN_COSTS, false)
        .next()
        .is_some()
}

/// The letters of a text in one form (NFKC, lower case), without spaces, digits and punctuation: between
/// the signs of some scripts a reader puts spaces at will.
fn letters(text: &str) -> Vec<u8> {
    let letters = text.nfkc().flat_map(char::to_lowercase).filter(|sign| sign.is_alphabetic());
    letters.collect::<String>().into_bytes()
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
        ];
        for (text, expected) in read {
            assert_eq!(message(text), Some(expected), "{text}");
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
