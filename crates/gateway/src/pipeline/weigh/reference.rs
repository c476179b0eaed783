//! Turns that ask for nothing of their own: "continue", "try again", "yes, do it".
//!
//! What is scored is what the model must do now. After such a turn that is the task before it: the
//! word alone looks easy and says nothing of the proof that is to go on.
//!
//! The list is closed and short. In it are whole turns that ask for more of the same, for the same
//! once more, or to begin what was spoken of, in the languages that clients speak most, with openings
//! ("ok,", "please", "好的，") in front. Not in it are:
//!
//! - thanks ("thanks", "thanks again") and assent alone ("ok", "yes", "great"): they end a task, or
//!   answer a question that only the model's turn has, and what they ask for is as easy as it looks;
//! - questions and instructions of their own, however short ("why?", "shorter", "in French"): they are
//!   another task, which the scorer sees.
//!
//! Anything longer than [`MAX_BYTES`] is taken to say something itself.

use smallvec::SmallVec;
use steelyard_types::{Message, Part};

/// Most bytes of such a turn between the white space around it, a CHOICE: the longest of the list with
/// an opening and punctuation.
pub(super) const MAX_BYTES: usize = 40;

/// A text folded: in lower case, without punctuation, words one space apart. Lower case is at most half
/// as long again, and a space stands for at least a byte, so that it never goes to the heap.
pub(super) type Folded = SmallVec<[u8; 128]>;

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
    // Chinese and Japanese
    "请",
    "請",
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
    "ja",
    "gut",
    "dann",
    "graag",
    // Spanish, French, Italian, Portuguese
    "por favor",
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

/// Whether a turn says nothing but that what was asked before is to be done. A turn with a picture or
/// anything else beside text says something.
pub(super) fn is_reference(turn: &Message<'_>) -> bool {
    let is_text = |part: &Part<'_>| matches!(part, Part::Text(_));
    turn.content.iter().all(is_text)
        && folded(turn.texts(), MAX_BYTES).is_some_and(|text| refers(&text))
}

/// Folds the pieces of a text. `None` for one that is longer than `most` bytes, which is found out with
/// those read, white space aside; nothing is allocated up to 80.
pub(super) fn folded<'a>(pieces: impl Iterator<Item = &'a str>, most: usize) -> Option<Folded> {
    let mut folded = Folded::new();
    // Bytes from the first character to the last that are not white space, and of the space since.
    let (mut bytes, mut blank) = (0_usize, 0_usize);
    let mut apart = false;
    for character in pieces.flat_map(str::chars) {
        if is_blank(character) {
            blank = blank.saturating_add(character.len_utf8());
            apart = true;
            continue;
        }
        // What stands before the first character counts for nothing.
        let between = if bytes == 0 { 0 } else { blank };
        bytes = bytes
            .saturating_add(between)
            .saturating_add(character.len_utf8());
        if bytes > most {
            return None;
        }
        blank = 0;
        if is_punctuation(character) {
            apart = true;
            continue;
        }
        if apart && !folded.is_empty() {
            folded.push(b' ');
        }
        apart = false;
        // Phones write the other apostrophe.
        let character = if character == '\u{2019}' {
            '\''
        } else {
            character
        };
        let mut buffer = [0; 4];
        for lower in character.to_lowercase() {
            folded.extend_from_slice(lower.encode_utf8(&mut buffer).as_bytes());
        }
    }
    Some(folded)
}

/// Marks that say how a reference is said, not what.
fn is_punctuation(character: char) -> bool {
    let ascii = character.is_ascii_punctuation() && character != '\'';
    ascii || "…—–。，！？、；：～¡¿،।“”„«»「」（）".contains(character)
}

/// White space as the scorer takes it, so that padding changes nothing here either.
fn is_blank(character: char) -> bool {
    matches!(character, '\0'..=' ' | '\u{7f}' | '\u{200b}' | '\u{feff}')
        || character.is_whitespace()
}

/// Whether a folded text is a reference, courtesies around it aside.
fn refers(folded: &[u8]) -> bool {
    let Ok(mut text) = std::str::from_utf8(folded) else {
        return false;
    };
    loop {
        if REFERENCES.contains(&text) {
            return true;
        }
        match without_courtesy(text) {
            Some(rest) => text = rest,
            None => return false,
        }
    }
}

/// The text without the longest courtesy at its beginning, else at its end. A space ends a word, and
/// nothing does in scripts that have none.
fn without_courtesy(text: &str) -> Option<&str> {
    let front = |word: &&str| {
        let rest = text.strip_prefix(word)?;
        let unspaced = || rest.starts_with(is_unspaced).then_some(rest);
        rest.strip_prefix(' ').or_else(unspaced)
    };
    let end = |word: &&str| text.strip_suffix(word)?.strip_suffix(' ');
    let shortest = |a: &&str, b: &&str| a.len().cmp(&b.len());
    let in_front = COURTESIES.iter().filter_map(front).min_by(shortest);
    in_front.or_else(|| COURTESIES.iter().filter_map(end).min_by(shortest))
}

/// Kana and Chinese characters.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

#[cfg(test)]
mod tests;
