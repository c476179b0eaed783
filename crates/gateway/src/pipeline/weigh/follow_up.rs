//! Turns that go on about the task before them: "that is wrong, fix it", "why?", "now in Rust".
//!
//! Such a turn asks for something of its own, which may be easy or hard, about something that only the
//! turns before it hold. Neither alone is what the model must do now, so both count half.
//!
//! A turn is one if it has at most [`MAX_BYTES`], one line and no colon, behind which something of its
//! own would stand, and
//!
//! - it has at most three words, or six characters of a script without spaces: what is that short after
//!   an answer is about the answer; or
//! - it begins like an objection, an addition or assent to a question ("no, ...", "and for ...", "yes"); or
//! - it has a word that points back: "it", "these", "again", "instead", "wrong".
//!
//! Greetings, thanks and praise end what was before and are scored as they are. The lists are closed;
//! a turn that goes on in other words is scored by its own, and one that only looks as if it went on
//! ("is it raining?") counts half as its task and half as the one before, which is too dear at worst.

use std::collections::HashMap;
use std::sync::LazyLock;

use steelyard_types::{Message, Part};

use super::reference::folded;

/// Most bytes of such a turn between the white space around it, a CHOICE: a sentence.
const MAX_BYTES: usize = 80;

/// What a word may be in a short turn.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Kind {
    /// Ends a task.
    End = 1,
    /// Begins an objection, an addition, or assent to a question.
    Begin = 1 << 1,
    /// Points back.
    Point = 1 << 2,
    /// Before "that": it points back, and does not join clauses.
    BeforeThat = 1 << 3,
    /// The same behind it.
    AfterThat = 1 << 4,
    /// "The second" of something that was said.
    Ordinal = 1 << 5,
    /// Something that was said.
    Said = 1 << 6,
}

/// All kinds of a word.
#[derive(Debug, Clone, Copy, Default)]
struct Kinds(u8);

impl Kinds {
    fn has(self, kind: Kind) -> bool {
        self.0 & kind as u8 != 0
    }
}

const LISTS: [(Kind, &str); 7] = [
    (
        Kind::End,
        "thanks thank thx bye goodbye hi hello hey danke merci gracias grazie obrigado obrigada спасибо",
    ),
    (
        Kind::Begin,
        "yes yeah yep sure no nope not wait hmm and but so also or why nein ja non oui sí si sì sim não да нет und aber et mais y pero e ma mas и но а",
    ),
    (
        Kind::Point,
        "it its this these those they them their again instead same above previous earlier still wrong incorrect former latter that's es das diese dieses nochmal ça cela celui eso esto ello lo isso isto questo quello это этот снова",
    ),
    (
        Kind::BeforeThat,
        "do fix explain prove about like make change of in with is was why for to into and than improve shorten simplify rewrite translate run test",
    ),
    (
        Kind::AfterThat,
        "is was does did doesn't isn't didn't wasn't seems looks one step part line error answer code function case way",
    ),
    (
        Kind::Ordinal,
        "first second third fourth fifth last next final other",
    ),
    (
        Kind::Said,
        "step steps point points part parts line lines option example paragraph section sentence one ones bullet item question answer proof method approach version claim case term",
    ),
];

/// Whole turns that only take note.
const NOTED: [&str; 32] = [
    "ok",
    "okay",
    "great",
    "good",
    "perfect",
    "alright",
    "nice",
    "cool",
    "fine",
    "done",
    "awesome",
    "excellent",
    "understood",
    "super",
    "gut",
    "bien",
    "vale",
    "genial",
    "bene",
    "ottimo",
    "хорошо",
    "отлично",
    "好",
    "好的",
    "好吧",
    "明白",
    "明白了",
    "知道了",
    "收到",
    "不错",
    "はい",
    "네",
];

/// Beginnings of two words that add something.
const BEGINNINGS: [&str; 3] = ["what about ", "how about ", "what if "];

const ENDS_UNSPACED: [&str; 10] = [
    "谢谢",
    "多谢",
    "感谢",
    "再见",
    "你好",
    "您好",
    "謝謝",
    "感謝",
    "ありがとう",
    "감사",
];

const POINTS_UNSPACED: [&str; 25] = [
    "这",
    "那",
    "它",
    "上面",
    "刚才",
    "前面",
    "还是",
    "再",
    "改成",
    "换成",
    "不对",
    "错了",
    "同样",
    "一样",
    "为什么",
    "為什麼",
    "這",
    "第二",
    "第三",
    "それ",
    "これ",
    "もう一",
    "그거",
    "이거",
    "다시",
];

/// Words of a turn that say nothing of its own yet, at most.
const FEW_WORDS: usize = 3;
const FEW_UNSPACED: usize = 6;

static WORDS: LazyLock<HashMap<&str, Kinds>> = LazyLock::new(|| {
    let mut words: HashMap<&str, Kinds> = HashMap::new();
    for (kind, list) in LISTS {
        for word in list.split(' ') {
            words.entry(word).or_default().0 |= kind as u8;
        }
    }
    words
});

/// Whether a turn goes on about the task before it.
pub(super) fn is_follow_up(turn: &Message<'_>) -> bool {
    let is_image = |part: &Part<'_>| matches!(part, Part::Image(_));
    let is_plain = |part: &Part<'_>| matches!(part, Part::Text(_)) || is_image(part);
    let opens = |text: &str| text.trim().contains(['\n', ':', '：']);
    if !turn.content.iter().all(is_plain) || turn.texts().any(opens) {
        return false;
    }
    let Some(text) = folded(turn.texts(), MAX_BYTES) else {
        return false;
    };
    // Without a word only a picture says anything.
    if text.is_empty() {
        return turn.content.iter().any(is_image);
    }
    goes_on(std::str::from_utf8(&text).unwrap_or_default())
}

/// The same for a folded text.
fn goes_on(text: &str) -> bool {
    if NOTED.contains(&text) || ENDS_UNSPACED.iter().any(|end| text.contains(end)) {
        return false;
    }
    let unspaced = text.chars().filter(|letter| is_unspaced(*letter)).count();
    if unspaced > 0 {
        let points = || POINTS_UNSPACED.iter().any(|word| text.contains(word));
        return unspaced <= FEW_UNSPACED || points();
    }
    // Signs alone say that something was read.
    if !text.contains(char::is_alphanumeric) {
        return false;
    }
    let mut points = BEGINNINGS
        .iter()
        .any(|beginning| text.starts_with(beginning));
    let mut count = 0;
    let (mut last, mut kinds_before) = ("", Kinds::default());
    for word in text.split(' ') {
        let kinds = WORDS.get(word).copied().unwrap_or_default();
        if kinds.has(Kind::End) {
            return false;
        }
        points |= kinds.has(Kind::Point)
            || (count == 0 && kinds.has(Kind::Begin))
            || (word == "that" && kinds_before.has(Kind::BeforeThat))
            || (last == "that" && kinds.has(Kind::AfterThat))
            || (kinds.has(Kind::Said) && kinds_before.has(Kind::Ordinal));
        (last, kinds_before) = (word, kinds);
        count += 1;
    }
    points || count <= FEW_WORDS
}

/// Kana, Chinese characters and Hangul.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;
    use steelyard_types::Role;

    use super::*;

    fn follows(text: &str) -> bool {
        let mut turn = Message::new(Role::User);
        turn.content = smallvec![Part::Text(text.into())];
        is_follow_up(&turn)
    }

    #[test]
    fn turns_about_what_was_said_go_on() {
        for text in [
            "That is wrong, fix it.",
            "yes",
            "Yes, please add tests for the parser",
            "No, I meant the other function over there",
            "why?",
            "Why does the second lemma hold for n > 3?",
            "It still fails on the second machine",
            "Now do the same in Rust",
            "make it shorter",
            "what about n = 5 and m = 7?",
            "explain the second point in more detail",
            "I don't understand the last step of your proof",
            "in French",
            "1",
            "are you sure?",
            "Can you explain that to a child of ten?",
            "Und jetzt auf Deutsch",
            "¿Y si es negativo?",
            "这不对，重新算一遍",
            "为什么？",
            "再短一点",
            "把它改成Python的写法",
        ] {
            assert!(follows(text), "{text}");
        }
    }

    #[test]
    fn turns_that_stand_for_themselves_do_not() {
        for text in [
            "Thanks!",
            "Thanks, that was exactly what I needed.",
            "ok",
            "Great!",
            "Hello again",
            "👍",
            "...",
            "好的",
            "谢谢，这很有用",
            "What is the capital of Italy?",
            "Write a program that adds two numbers",
            "Write a haiku about autumn",
            "Translate this: hello",
            "Fix this\nfn main() {}",
            "意大利的首都是哪一座城市？",
            "Prove that it follows from the lemma above, with every step spelled out in full detail.",
        ] {
            assert!(!follows(text), "{text}");
        }
    }

    #[test]
    fn the_lists_are_folded_and_hold_every_word_once() {
        for (kind, list) in LISTS {
            let mut words: Vec<&str> = list.split(' ').collect();
            words.sort_unstable();
            let count = words.len();
            words.dedup();
            assert_eq!(words.len(), count, "{kind:?}");
        }
        let listed = LISTS.iter().flat_map(|(_, list)| list.split(' '));
        for word in listed.chain(NOTED) {
            let folded = folded(std::iter::once(word), MAX_BYTES).expect("it is short");
            assert_eq!(folded.as_slice(), word.as_bytes());
        }
    }
}
