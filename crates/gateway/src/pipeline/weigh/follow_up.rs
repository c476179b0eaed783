//! Turns that go on about the task before them: "that is wrong, fix it", "why?", "now in Rust"; and
//! courtesies, which end one.
//!
//! A turn that goes on asks for something of its own, which may be easy or hard, about something that only
//! the turns before it hold. Neither alone is what the model must do now, so both count half.
//!
//! A short turn ([`MAX_BYTES`](super::fold::MAX_BYTES)) goes on if it has one line and no colon, behind
//! which something of its own would stand, and
//!
//! - it has at most three words, or six characters of a script without spaces: what is that short after
//!   an answer is about the answer, unless it begins like a question or an instruction that needs no
//!   answer before it ("who are you?", "tell a joke"); or
//! - it begins like an objection, an addition or assent to a question ("no, ...", "and for ...", "yes"), or
//!   says what of a task is to go on ("continue from step 3"); or
//! - it has a word that points back: "it", "these", "again", "instead", "wrong".
//!
//! A courtesy thanks, greets or takes note, in nothing but words for it ("thanks a lot", "ok", "lol", "never
//! mind"). It is scored as it is, and the task before it is what a later turn goes on about.
//!
//! The lists are closed; a turn that goes on in other words is scored by its own, and one that only looks
//! as if it went on ("is it raining?") counts half as its task and half as the one before, which is too
//! dear at worst.

mod words;

use super::fold::Folded;
use super::reference::after_courtesies;
use words::{
    BEGINNINGS, CONTINUES_UNSPACED, ENDS_UNSPACED, HOW_ARE_YOU, Kind, Kinds, NOTED, OWN_UNSPACED,
    POINTS_UNSPACED, POLITE_UNSPACED,
};

/// Words of a turn that say nothing of its own yet, at most.
const FEW_WORDS: usize = 3;
const FEW_UNSPACED: usize = 6;

/// Whether a turn only thanks, greets or takes note.
pub(super) fn is_courtesy(turn: &Folded) -> bool {
    let text = turn.text();
    if NOTED.contains(&text) {
        return true;
    }
    if text.contains(is_unspaced) {
        return is_unspaced_courtesy(text);
    }
    // Signs alone say that something was read.
    if !text.contains(char::is_alphanumeric) {
        return !text.is_empty();
    }
    let greeted = HOW_ARE_YOU.iter().find_map(|how| text.strip_suffix(how));
    let (mut thanks, mut notes) = (false, false);
    let mut count = 0;
    let (mut last, mut kinds_before) = ("", Kinds::default());
    for word in words_of(greeted.unwrap_or(text)) {
        let kinds = Kinds::of(word);
        let is_named = count == 1 && kinds_before.has(Kind::Greet) && !kinds.has_any();
        let says_more = kinds.has(Kind::Polite) || (thanks && kinds.has(Kind::Again));
        if !(kinds.has(Kind::End) || kinds.has(Kind::Note) || is_named || says_more) {
            return false;
        }
        thanks |= kinds.has(Kind::End);
        // Of a note the first word tells: "is this good" is none.
        let tells = count == 0 || matches!(last, "please" | "that's" | "really" | "so" | "very");
        notes |= kinds.has(Kind::Note) && tells;
        (last, kinds_before) = (word, kinds);
        count += 1;
    }
    (thanks || notes) && (!turn.asks || greeted.is_some() || (thanks && count == 1))
}

/// The same in scripts without spaces: the letters of thanks and of those for what and to whom.
fn is_unspaced_courtesy(text: &str) -> bool {
    let mut ends = false;
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let end = ENDS_UNSPACED.iter().find_map(|end| rest.strip_prefix(end));
        ends |= end.is_some();
        if end.is_none() && letter.is_alphanumeric() && !POLITE_UNSPACED.contains(letter) {
            return false;
        }
        rest = end.unwrap_or_else(|| rest.get(letter.len_utf8()..).unwrap_or_default());
    }
    ends
}

/// Whether a turn that is no courtesy goes on about the task before it.
pub(super) fn goes_on(turn: &Folded) -> bool {
    let text = turn.text();
    if turn.opens || ENDS_UNSPACED.iter().any(|end| text.contains(end)) {
        return false;
    }
    let begun = after_courtesies(text);
    let begins = |beginnings: &[&str]| beginnings.iter().any(|one| begun.starts_with(one));
    let mut points = begins(&BEGINNINGS);
    let unspaced = text.chars().filter(|letter| is_unspaced(*letter)).count();
    if unspaced > 0 {
        points |= begins(&CONTINUES_UNSPACED)
            || POINTS_UNSPACED.iter().any(|word| text.contains(word))
            || first_word(begun).has(Kind::Continue);
        return points || (unspaced <= FEW_UNSPACED && !begins(&OWN_UNSPACED));
    }
    points |= first_word(begun).has(Kind::Continue);
    let (mut ends, mut objects) = (false, false);
    let mut count = 0;
    let (mut last, mut kinds_before) = ("", Kinds::default());
    for word in words_of(text) {
        let kinds = Kinds::of(word);
        ends |= kinds.has(Kind::End);
        objects |= OBJECTS.contains(&word);
        points |= kinds.has(Kind::Point)
            || (count == 0 && kinds.has(Kind::Begin))
            || (word == "that" && kinds_before.has(Kind::BeforeThat))
            || (last == "that" && kinds.has(Kind::AfterThat))
            || (kinds.has(Kind::Said) && kinds_before.has(Kind::Ordinal));
        (last, kinds_before) = (word, kinds);
        count += 1;
    }
    if ends {
        return objects;
    }
    points || (count <= FEW_WORDS && !is_own(begun))
}

/// Words by which a turn goes on although it thanks or greets: "thanks, but it fails".
const OBJECTS: [&str; 18] = [
    "but", "now", "still", "again", "same", "wrong", "instead", "also", "doesn't", "isn't",
    "didn't", "won't", "fails", "failed", "error", "aber", "mais", "pero",
];

/// Whether a text begins like a question or an instruction and says what that is about, which one word
/// alone does not.
fn is_own(text: &str) -> bool {
    let mut words = words_of(text).map(Kinds::of);
    let begins = words.next().is_some_and(|word| word.has(Kind::Own));
    let mut about = words.peekable();
    begins
        && about.peek().is_some()
        && !about.any(|word| word.has(Kind::Lacks) || word.has(Kind::Said))
}

fn first_word(text: &str) -> Kinds {
    words_of(text).next().map(Kinds::of).unwrap_or_default()
}

/// Words of a folded text but signs.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(' ');
    words.filter(|word| word.contains(char::is_alphanumeric))
}

/// Kana, Chinese characters and Hangul.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;
    use steelyard_types::{Message, Part, Role};

    use super::words::LISTS;
    use super::*;
    use crate::pipeline::weigh::says::Says;

    fn folded(text: &str) -> Folded {
        Folded::of(std::iter::once(text)).expect("it is short")
    }

    fn follows(text: &str) -> bool {
        let mut turn = Message::new(Role::User);
        turn.content = smallvec![Part::Text(text.into())];
        Says::of(&turn) == Says::GoesOn
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
            "Continue from step 3",
            "ok, please continue with the second lemma",
            "continue writing from where you stopped",
            "Keep going until the end.",
            "Weiter mit Schritt drei bitte",
            "continúa con el segundo lema",
            "请继续证明第二个引理",
            "계속 두 번째 단계부터 해줘",
            "?",
            " ?? ",
            "what else?",
            "how so?",
            "what?",
            "which one?",
            "Explain why.",
            "tell me more",
            "define it",
            "what is this?",
            "what do you mean?",
            "translate to German",
            "summarize please",
            "which is better?",
            "who is he?",
            "solve for x",
            "sort ascending",
            "no good",
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
            "who are you?",
            "tell a joke",
            "Please tell a joke",
            "what is love?",
            "prove Fermat's theorem",
            "什么是爱？",
            "写首诗",
            "Translate this: hello",
            "Fix this\nfn main() {}",
            "意大利的首都是哪一座城市？",
        ] {
            assert!(!follows(text), "{text}");
        }
    }

    #[test]
    fn courtesies_say_nothing_else() {
        for text in [
            "Thanks!",
            "thank you so much for your help 🙏",
            "Thanks in advance!",
            "ok thanks",
            "Thanks :)",
            "Thanks, that was exactly what I needed.",
            "Hello there!",
            "Hi Claude",
            "hi, how are you?",
            "ok, great",
            "Great, that works.",
            "lol",
            "haha",
            "stop",
            "Please stop",
            "great job!",
            "That's great",
            "안녕하세요",
            "hello?",
            "hey, what's up?",
            "Thanks again",
            "merci encore",
            "Nice to meet you",
            "Never mind.",
            "forget it",
            "no thanks",
            "👍",
            "Vielen Dank!",
            "Muchas gracias por tu ayuda",
            "谢谢你的帮助！",
            "你好！",
            "どうもありがとうございます",
            "好的",
        ] {
            assert!(is_courtesy(&folded(text)), "{text}");
        }
        for text in [
            "",
            "...",
            "yes",
            "no good",
            "Thanks, now prove the converse",
            "thanks, shorter",
            "Hi, what is this?",
            "Hello, fix it",
            "Hi Claude, solve x = 2",
            "good, but why",
            "good, again",
            "good?",
            "done?",
            "is this good",
            "that",
            "stop words in German",
            "what is this",
            "你好，证明素数无穷",
            "谢谢，翻译一下",
            "我的",
        ] {
            assert!(!is_courtesy(&folded(text)), "{text}");
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
        for text in listed.chain(NOTED) {
            assert_eq!(folded(text).text(), text);
        }
        for beginning in BEGINNINGS {
            assert_eq!(folded(beginning).text(), beginning.trim_end());
            assert_eq!(after_courtesies(beginning), beginning);
        }
    }
}
