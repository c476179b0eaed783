//! Turns that ask for nothing of their own: "continue", "try again", "yes, do it".
//!
//! What is scored is what the model must do now. After such a turn that is the task before it: the
//! word alone looks easy and says nothing of the proof that is to go on.
//!
//! The list is closed and short. In it are whole turns that ask for more of the same, for the same
//! once more, or to begin what was spoken of, in the languages that clients speak most, with openings
//! ("ok,", "please", "thanks,", "好的，") in front. Not in it are:
//!
//! - thanks ("thanks", "thanks again") and assent alone ("ok", "yes", "great"): they end a task, or
//!   answer a question that only the model's turn has, and what they ask for is as easy as it looks;
//! - questions and instructions of their own, however short ("why?", "shorter", "continue from step 3"):
//!   they say something of another task, which the scorer sees.
//!
//! Anything longer than [`MAX_BYTES`] is taken to say something itself.

use super::fold::Folded;

/// Most bytes of such a turn, a run of white space one byte, a CHOICE: the longest of the list with an
/// opening and punctuation.
const MAX_BYTES: usize = 40;

/// What may stand in front of a reference, or behind it, and changes nothing.
const COURTESIES: &[&str] = &[
    // English
    "please",
    "pls",
    "yes",
    "yeah",
    "yep",
    "ok",
    "okay",
    "sure",
    "alright",
    "all right",
    "good",
    "great",
    "perfect",
    "and",
    "now",
    "then",
    "just",
    "can you",
    "could you",
    "you can",
    "thanks",
    "thank you",
    // Chinese and Japanese
    "请",
    "請",
    "谢谢",
    "謝謝",
    "好",
    "好的",
    "可以",
    "是的",
    "行",
    "嗯",
    "那就",
    "はい",
    // Korean
    "네",
    // German and Dutch
    "bitte",
    "danke",
    "ja",
    "gut",
    "dann",
    "graag",
    // Spanish, French, Italian, Portuguese
    "por favor",
    "gracias",
    "merci",
    "grazie",
    "sí",
    "si",
    "bien",
    "vale",
    "oui",
    "d'accord",
    "s'il te plaît",
    "s'il vous plaît",
    "stp",
    "svp",
    "sì",
    "per favore",
    "va bene",
    "sim",
    // Russian
    "да",
    "хорошо",
    "пожалуйста",
    "спасибо",
    // Turkish
    "tamam",
    "lütfen",
];

/// What refers to the turns before and asks for nothing else.
const REFERENCES: &[&str] = &[
    // English: more of the same
    "continue",
    "continue on",
    "continue with it",
    "continue with that",
    "continue from there",
    "continue from where you left off",
    "continue where you left off",
    "continue from where you stopped",
    "continue where you stopped",
    "continue generating",
    "continue writing",
    "carry on",
    "go on",
    "keep going",
    "keep on",
    "keep on going",
    "keep writing",
    "keep working",
    "proceed",
    "resume",
    "next",
    "next one",
    "next step",
    "next part",
    "the next one",
    "the next step",
    "the next part",
    "go to the next step",
    "more",
    "the rest",
    "finish",
    "finish it",
    "let's continue",
    "lets continue",
    "let's go on",
    "let's proceed",
    // English: the same once more
    "again",
    "once again",
    "once more",
    "one more time",
    "another one",
    "one more",
    "try again",
    "try it again",
    "try that again",
    "try once more",
    "try one more time",
    "do it again",
    "do that again",
    "retry",
    "redo",
    "redo it",
    "redo that",
    "regenerate",
    // English: begin
    "do it",
    "do that",
    "do so",
    "go",
    "go ahead",
    "go ahead and do it",
    "go for it",
    "let's go",
    "lets go",
    "let's do it",
    "let's do that",
    // Chinese
    "继续",
    "继续吧",
    "继续写",
    "继续说",
    "继续做",
    "继续输出",
    "接着",
    "接着写",
    "接着说",
    "接着做",
    "接着来",
    "往下写",
    "往下说",
    "下一步",
    "下一个",
    "下一部分",
    "再来",
    "再来一次",
    "再来一遍",
    "再来一个",
    "再试一次",
    "再试试",
    "再试一下",
    "重试",
    "重新来",
    "重来",
    "重新生成",
    "开始",
    "开始吧",
    "做吧",
    "就这么做",
    "繼續",
    "繼續寫",
    "接著寫",
    "再試一次",
    // Japanese and Korean
    "続けて",
    "続けてください",
    "続き",
    "続きを",
    "次",
    "次へ",
    "もう一度",
    "もう一回",
    "계속",
    "계속해",
    "계속해줘",
    "계속해 줘",
    "계속해주세요",
    "다음",
    "다시",
    "다시 해줘",
    // German and Dutch
    "weiter",
    "mach weiter",
    "weitermachen",
    "fahr fort",
    "fahre fort",
    "noch mal",
    "nochmal",
    "noch einmal",
    "versuch es noch mal",
    "versuch es nochmal",
    "versuch es noch einmal",
    "mach das",
    "ga door",
    "ga verder",
    "verder",
    // Spanish, French, Italian, Portuguese
    "continúa",
    "continua",
    "continúe",
    "continuar",
    "sigue",
    "siga",
    "sigue adelante",
    "adelante",
    "otra vez",
    "de nuevo",
    "inténtalo de nuevo",
    "hazlo",
    "continuez",
    "vas y",
    "allez y",
    "poursuis",
    "poursuivez",
    "la suite",
    "encore",
    "réessaie",
    "réessayez",
    "continui",
    "avanti",
    "vai avanti",
    "prosegui",
    "riprova",
    "di nuovo",
    "de novo",
    "prossiga",
    "tente novamente",
    // Russian
    "продолжай",
    "продолжайте",
    "продолжи",
    "дальше",
    "ещё раз",
    "еще раз",
    // Turkish, Arabic, Hindi
    "devam",
    "devam et",
    "أكمل",
    "تابع",
    "استمر",
    "जारी रखें",
];

/// Whether a turn says nothing but that what was asked before is to be done, courtesies around it aside.
pub(super) fn refers(turn: &Folded) -> bool {
    let mut text = turn.text();
    if turn.bytes > MAX_BYTES {
        return false;
    }
    while !REFERENCES.contains(&text) {
        match in_front(text).or_else(|| behind(text)) {
            Some(rest) => text = rest,
            None => return false,
        }
    }
    true
}

/// A folded text without the courtesies in front of it.
pub(super) fn after_courtesies(mut text: &str) -> &str {
    while let Some(rest) = in_front(text) {
        text = rest;
    }
    text
}

/// The text without the longest courtesy at its beginning. A space ends a word, and nothing does in
/// scripts that have none.
fn in_front(text: &str) -> Option<&str> {
    let front = |word: &&str| {
        let rest = text.strip_prefix(word)?;
        let unspaced = || rest.starts_with(is_unspaced).then_some(rest);
        rest.strip_prefix(' ').or_else(unspaced)
    };
    let rests = COURTESIES.iter().filter_map(front);
    rests.min_by_key(|rest| rest.len())
}

/// The text without the longest courtesy at its end.
fn behind(text: &str) -> Option<&str> {
    let end = |word: &&str| text.strip_suffix(word)?.strip_suffix(' ');
    let rests = COURTESIES.iter().filter_map(end);
    rests.min_by_key(|rest| rest.len())
}

/// Kana and Chinese characters.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

#[cfg(test)]
mod tests;
