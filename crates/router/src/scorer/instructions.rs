//! Whether system instructions say what is to be done with the user's turn.
//!
//! Many applications give the task in their system message ("Translate the message into German.") and
//! send bare data as the user's turn, which is then the subject of a task and no task itself. Most of
//! what system messages hold gives none: who the model is, in which tone it answers, what it knows and
//! must not say. Only a message that gives a task counts beside the turn.
//!
//! A sentence gives a task where
//!
//! - a verb of work begins it or a clause that may hold its verb ("You classify ...", "Given a contract,
//!   list ...", "Read the mail and summarise it"), and it speaks of what the user sends: "the text", "each
//!   message", "it", or right behind the verb "into", "from", "as";
//! - it begins with the task by name: "Your task is to ...", "Task: ...";
//! - the model is named after its work: "You are a translator", "You are an assistant that grades essays";
//! - it says in which form the text comes back: "Return only the corrected text";
//! - it asks about the text: "Is the review positive?".
//!
//! Everything else is taken for a rule of behaviour: "Translate technical terms", "Summarise at the end".
//! So is a verb behind "help", "can" or "if", and one before "when asked" or "where needed". The very first
//! sentence needs no word for what the user sends: "Summarise in French." The lists are closed; a message
//! of which nothing is found counts by its size alone.
//!
//! Nothing is allocated. At most [`HEAD_BYTES`] and [`TAIL_BYTES`] of a message are read, and neither the
//! length of white space nor the cuts between segments matter.

mod clause;
mod words;

use super::blank;
use super::classes::is_cjk;
use super::scan::cjk_pairs;
use super::window;
use clause::{Clause, Mark, Place, Verdict};
pub(super) use words::{Words, table};

/// Bytes other than white space that are read of the start of a long system message.
const HEAD_BYTES: usize = 1024;
/// The same of its end.
const TAIL_BYTES: usize = 512;
/// A byte of white space may stand before each of the others, and both parts may end in a character that
/// is only just within them.
const ROOM: usize = 2 * (HEAD_BYTES + TAIL_BYTES + 8);

/// What is read of a message, its runs of white space a line break or one space each.
#[derive(Debug, Clone)]
pub(super) struct Excerpt {
    bytes: [u8; ROOM],
    length: usize,
}

impl Excerpt {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            length: 0,
        }
    }

    pub(super) fn text(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Reads the joined segments.
    pub(super) fn read(&mut self, segments: &[&str]) {
        self.length = 0;
        // A run of white space, and whether a line ends in it.
        let mut blanks = None;
        for part in window::parts(segments, HEAD_BYTES, TAIL_BYTES) {
            for piece in window::pieces(segments, &part) {
                self.copy(piece.as_bytes(), &mut blanks);
            }
            // What was left out stands on lines of its own.
            blanks = Some(true);
        }
    }

    fn copy(&mut self, bytes: &[u8], blanks: &mut Option<bool>) {
        let mut at = 0;
        while let Some(&first) = bytes.get(at) {
            let rest = bytes.get(at..).unwrap_or_default();
            if blanks.is_none()
                && let Some(chunk) = rest.first_chunk::<CHUNK>()
                && is_plain(chunk)
            {
                self.append(chunk);
                at += CHUNK;
                continue;
            }
            let length = if is_visible_ascii(first) {
                1
            } else {
                let blank = blank::leading(rest);
                if blank > 0 {
                    let run = rest.get(..blank).unwrap_or_default();
                    *blanks = Some(*blanks == Some(true) || run.contains(&b'\n'));
                    at += blank;
                    continue;
                }
                character_length(first)
            };
            if let Some(line_ended) = blanks.take()
                && self.length > 0
            {
                self.append(&[if line_ended { b'\n' } else { b' ' }]);
            }
            self.append(rest.get(..length).unwrap_or_default());
            at += length;
        }
    }

    #[inline]
    fn append(&mut self, more: &[u8]) {
        let end = self.length + more.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(more);
            self.length = end;
        }
    }
}

/// Bytes that are copied at once.
const CHUNK: usize = 16;

/// Whether a chunk is copied as it is: printed ASCII that begins and ends in a word, its words one space
/// apart. Without branches, so that all bytes are looked at together.
fn is_plain(chunk: &[u8; CHUNK]) -> bool {
    let is_space = |byte: u8| u8::from(byte == b' ');
    let mut other = is_space(chunk[0]) | is_space(chunk[CHUNK - 1]);
    for byte in chunk {
        other |= u8::from(*byte < b' ') | u8::from(*byte > b'~');
    }
    for at in 1..CHUNK {
        other |= is_space(chunk[at - 1]) & is_space(chunk[at]);
    }
    other == 0
}

fn is_visible_ascii(byte: u8) -> bool {
    (b'!'..=b'~').contains(&byte)
}

/// Bytes of the character that starts with this one, which is not ASCII.
fn character_length(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0x80.. => 2,
        _ => 1,
    }
}

/// A task that a text gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    /// Whether the answer is the text that it is about in another form: a translation of it, or itself
    /// with its mistakes corrected.
    pub(super) gives_back: bool,
    /// Whether it is light work whatever the text is about.
    pub(super) light: bool,
}

/// The task that a system message gives, if any.
pub(super) fn task_in(text: &str, words: &Words) -> Option<Given> {
    let mut given: Option<Given> = None;
    // Once it is said that something will be sent, work needs no word for it; nor at the beginning.
    let mut announced = false;
    for (at, sentence) in sentences(text).enumerate() {
        let place = match announced || at == 0 {
            true => Place::Announced,
            false if is_item(sentence) => Place::Item,
            false => Place::Later,
        };
        let clause = clause_of(sentence, words, place);
        announced |= clause.announces(sentence.ends_with([':', '：']));
        if clause.answers() {
            return None;
        }
        if let Verdict::Task { gives_back, light } = clause.verdict() {
            let before = given.unwrap_or(Given {
                gives_back: false,
                light: true,
            });
            given = Some(Given {
                gives_back: gives_back || before.gives_back,
                light: light && before.light,
            });
        }
    }
    given
}

/// The work that a user asks for in the first line or the last sentence of a text: `None` where no verb of
/// work is found. Of questions only those about the language of a text and the like are light work.
pub(super) fn asked_in(end: &str, words: &Words) -> Option<Given> {
    let clause = Clause::of_user(end.ends_with(['?', '？']));
    match read(end, words, clause).verdict() {
        Verdict::None => None,
        Verdict::Task { gives_back, light } => Some(Given { gives_back, light }),
    }
}

/// Sentences and lines of a text.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (sentence, after) = rest.split_at(sentence_end(rest.as_bytes()));
        rest = after;
        Some(sentence.trim_ascii())
    })
}

/// Bytes of the first sentence with what ends it.
fn sentence_end(text: &[u8]) -> usize {
    let mut before = [b' '; 2];
    for (at, byte) in text.iter().enumerate() {
        let ends = match byte {
            b'\n' => true,
            // The point behind the number of an item ends nothing.
            b' ' => match before {
                [last, b'.'] => !last.is_ascii_digit(),
                [_, last] => matches!(last, b'!' | b'?' | b';'),
            },
            // The last bytes of 。！；？
            0x82 | 0x81 | 0x9b | 0x9f => {
                let character = text.get(at.saturating_sub(2)..=at).unwrap_or_default();
                let ends = ["。", "！", "；", "？"];
                ends.iter().any(|end| end.as_bytes() == character)
            }
            _ => false,
        };
        if ends {
            return at + 1;
        }
        before = [before[1], *byte];
    }
    text.len()
}

/// Whether a line is an item of a list.
fn is_item(line: &str) -> bool {
    let number = line.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let numbered = number.len() < line.len() && number.starts_with(['.', ')', '、', '）', '．']);
    numbered || line.starts_with(['-', '*', '•', '·', '–', '—', '+', '|', '<'])
}

fn clause_of(sentence: &str, table: &Words, place: Place) -> Clause {
    let asks = sentence.ends_with(['?', '？']);
    read(sentence, table, Clause::of_system(place, asks))
}

fn read(sentence: &str, table: &Words, mut clause: Clause) -> Clause {
    if !sentence.is_ascii() && sentence.chars().any(is_cjk) {
        if EXAMPLES.iter().any(|speaker| sentence.starts_with(speaker)) {
            return Clause::of_example();
        }
        // Every part between commas by itself, but what is on offer stays so.
        for part in sentence.split(['，', '、', ',', '：', ':']) {
            let pairs = cjk_pairs(part).filter_map(|pair| table.of_hash(pair));
            clause.read_pairs(pairs);
        }
        return clause;
    }
    for word in words(sentence).take(MOST_WORDS) {
        if !clause.read(word.before, table.of_word(word.text), word.after) {
            break;
        }
    }
    clause
}

/// How lines of examples begin.
const EXAMPLES: [&str; 4] = ["用户：", "用户:", "问：", "客户："];

/// Words of a sentence that are read, at most.
const MOST_WORDS: usize = 40;

/// A word, and the mark before it and behind it.
struct Word<'a> {
    text: &'a str,
    before: Mark,
    after: Mark,
}

/// Words of a sentence but numbers.
fn words(sentence: &str) -> impl Iterator<Item = Word<'_>> {
    let is_letter = |letter: char| letter.is_alphanumeric() || matches!(letter, '\'' | '’');
    let mut rest = sentence;
    let mut before = Mark::None;
    let all = std::iter::from_fn(move || {
        let (between, word) = rest.split_at(rest.find(is_letter)?);
        let end = word.find(|letter| !is_letter(letter));
        let (text, after) = word.split_at(end.unwrap_or(word.len()));
        rest = after;
        let this = Word {
            text,
            before: before.or(Mark::of(between.chars().next_back())),
            after: Mark::of(after.chars().next()),
        };
        before = this.after;
        Some(this)
    });
    all.filter(|word| !word.text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gives(text: &str) -> bool {
        let mut excerpt = Excerpt::new();
        excerpt.read(&[text]);
        task_in(excerpt.text(), table()).is_some()
    }

    #[test]
    fn tasks_are_found() {
        for text in [
            "Translate the user's message into German.",
            "You translate product texts.",
            "You will carefully classify each ticket as billing or technical.",
            "Your task is to extract the invoice number.",
            "YOUR JOB: summarise.",
            "Your task: reply with a JSON array of the names.",
            "You will be provided with a text, and your task is to translate it.",
            "Return only the corrected text.",
            "# Rules\nBe kind.\n# Task\n- Label the text.",
            "Given a contract, list every deadline.",
            "For each message, decide whether it is spam.",
            "Read the mail and rate its tone.",
            "You are a senior translator.",
            "You are an assistant that grades essays.",
            "Act as a seasoned lawyer, find the risks of each clause.",
            "Is the review below positive?",
            "You are Ava of Acme. Be kind.\n\n## Task\n1. Identify the language.",
            "Übersetze den Text ins Englische.",
            "Переведи текст на английский.",
            "将用户的消息翻译成英文。",
            "你是一名编辑。请校对下面的文字。",
            "你的任务是判断评论的情感。",
            "文章を要約してください。",
        ] {
            assert!(gives(text), "{text}");
        }
    }

    #[test]
    fn most_of_a_system_message_is_no_task() {
        for text in [
            "",
            "You are a helpful assistant.",
            "You are Ava, the support agent of Acme. Be friendly, brief and honest.",
            "You help developers write and debug code.",
            "You can translate texts if the user asks.",
            "Answer in the language of the question.",
            "Your task is to help customers with their orders.",
            "Your role is to support the team.",
            "Always check your answer. Explain your reasoning. Write in a friendly tone.",
            "Never list competitors. Do not summarise the rules.",
            "Our shop is open from 9 to 18. Returns are free within 30 days.",
            "Today's date is 2026-11-26.",
            "Use Markdown. Keep answers under 100 words.",
            "When asked about prices, list them in euros.",
            "If the customer is angry, suggest a call.",
            "Detect the user's language and reply in it.",
            "First summarise the user's question, then answer it.",
            "1. Classify the message\n2. Answer it in depth",
            "You are Nova.\n- Translate comments\n- Check the code",
            "User: what does the text say?",
            "你是一个乐于助人的助手。",
            "你可以帮助用户翻译和总结。",
            "如果用户询问价格，请列出价目表。",
            "回答要简短，语气友好。",
        ] {
            assert!(!gives(text), "{text}");
        }
    }

    #[test]
    fn tasks_that_give_a_text_back_are_told() {
        let gives_back = |text: &str| task_in(text, table()).map(|given| given.gives_back);
        for text in [
            "Translate the text into German.",
            "You are a translator.",
            "Your task is to proofread mails.",
            "Read the code and refactor it.",
            "List the names. Then rewrite the text.",
            "请将以下内容翻译成英文。",
            "润色下面的文字",
        ] {
            assert_eq!(gives_back(text), Some(true), "{text}");
        }
        for text in [
            "Summarise the text.",
            "Is it in French?",
            "找出错误。",
            "Classify it.",
        ] {
            assert_eq!(gives_back(text), Some(false), "{text}");
        }
        assert_eq!(gives_back("You are kind."), None);
    }

    #[test]
    fn a_user_may_ask_politely() {
        let gives_back = |text: &str| asked_in(text, table()).is_some_and(|given| given.gives_back);
        for text in [
            "Can you translate the following text into German?",
            "Could you please proofread this:",
            "Help me rewrite this mail.",
            "I want you to correct my essay",
            "Hi! Please convert this table to JSON.",
            "可以帮我翻译下面的内容吗？",
        ] {
            assert!(gives_back(text), "{text}");
        }
        for text in [
            "",
            "Can you summarise the text?",
            "Why was the translation wrong?",
            "The translator corrected it.",
            "下面的内容说了什么？",
        ] {
            assert!(!gives_back(text), "{text}");
        }
    }

    #[test]
    fn a_beginning_is_bounded_and_whole() {
        let mut excerpt = Excerpt::new();
        for unit in ["x", "word ", "字", "é", "🎉", "a\u{3000}\n", "Long words. "] {
            excerpt.read(&[&unit.repeat(3_000)]);
            let text = excerpt.text();
            let visible = text.bytes().filter(|byte| !b" \n".contains(byte)).count();
            assert!(
                (HEAD_BYTES + TAIL_BYTES - 6..=HEAD_BYTES + TAIL_BYTES + 6).contains(&visible),
                "{unit}: {visible}"
            );
        }
        excerpt.read(&["  Two  words\t", "\r\n ", "\u{a0}and", " more  "]);
        assert_eq!(excerpt.text(), "Two words\nand more");
    }

    #[test]
    fn sentences_end_where_they_seem_to() {
        let text = "One. Two e.g. this! 三。四？五！\nSix; seven 8.5 nine?";
        let all: Vec<&str> = sentences(text).collect();
        assert_eq!(
            all,
            [
                "One.",
                "Two e.g.",
                "this!",
                "三。",
                "四？",
                "五！",
                "",
                "Six;",
                "seven 8.5 nine?"
            ]
        );
    }
}
