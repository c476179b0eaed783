//! The closed lists of words by which a short turn is told.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a word may be in a short turn.
#[derive(Debug, Clone, Copy)]
#[repr(u16)]
pub(super) enum Kind {
    /// Thanks, or greets.
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
    /// Begins a wish for more of the same that says which: "continue from step 3".
    Continue = 1 << 7,
    /// Begins a question or an instruction that needs nothing before it.
    Own = 1 << 8,
    /// Takes note of what was said.
    Note = 1 << 9,
    /// Greets; a name may stand behind it.
    Greet = 1 << 10,
    /// Says with thanks or a note how, to whom and for what.
    Polite = 1 << 11,
    /// Says that thanks are not the first.
    Again = 1 << 12,
    /// Behind the first word of a question or an instruction: what that is about stands elsewhere.
    Lacks = 1 << 13,
}

/// All kinds of a word.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kinds(u16);

impl Kinds {
    pub(super) fn of(word: &str) -> Self {
        WORDS.get(word).copied().unwrap_or_default()
    }

    /// Whether the word is in any list.
    pub(super) fn has_any(self) -> bool {
        self.0 != 0
    }

    pub(super) fn has(self, kind: Kind) -> bool {
        self.0 & kind as u16 != 0
    }
}

pub(super) const LISTS: [(Kind, &str); 14] = [
    (
        Kind::End,
        "thanks thank thx ty bye goodbye hi hello hey danke dank merci gracias grazie obrigado obrigada спасибо hallo hola bonjour salut ciao olá привет здравствуйте",
    ),
    (
        Kind::Begin,
        "yes yeah yep sure no nope not wait hmm and but so also or why nein ja non oui sí si sì sim não да нет und aber et mais y pero e ma mas и но а",
    ),
    (
        Kind::Point,
        "it its this these those he she him they them their again instead same above previous earlier still wrong incorrect former latter that's else es das diese dieses nochmal ça cela celui eso esto ello lo isso isto questo quello это этот снова",
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
    (
        Kind::Continue,
        "continue proceed resume finish retry redo regenerate weiter verder continúa continua continúe continuar sigue siga continuez continuer poursuis poursuivez réessaie réessayez continui prosegui riprova prossiga продолжай продолжайте продолжи дальше devam 계속",
    ),
    (
        Kind::Own,
        "who who's whose what what's where when which tell say write list name define translate choose compute calculate solve prove derive describe explain summarize summarise draw compose create generate sort convert wer wo wann welche welcher welches schreibe schreib nenne definiere übersetze quién dónde cuándo cuál escribe traduce qui où quand quel quelle écris définis traduis кто где когда напиши переведи",
    ),
    (
        Kind::Note,
        "ok okay great good perfect alright nice cool fine done awesome excellent wonderful brilliant amazing wow noted understood super gut bien vale genial bene ottimo хорошо отлично stop cancel forget nevermind nvm lol lmao haha hahaha hehe",
    ),
    (
        Kind::Greet,
        "hi hello hey hallo hola bonjour salut ciao olá привет",
    ),
    (
        Kind::Polite,
        "a all amazing answer anyway appreciate awesome beaucoup best big bot bunch bye chatgpt claude day dear dir en evening everyone everything exactly excellent explanation for friend gemini great good guys help helpful helping helps i i'm idea ihnen in advance advanced it job just kind kindly lot lots man many mate me meet million mille morning much muchas muito most my needed nice night of perfect please question really sehr schön sir so t team that that's the there these things this time to tons tonight too very vielen votre vous was what wanted work works you your yours большое is por tu su ayuda pour ton aide für die hilfe pela ajuda за помощь",
    ),
    (Kind::Again, "again encore nochmal de nuevo"),
    (
        Kind::Lacks,
        "to into in as for with by at from on please more further all both each everything me do does did happens happened if why how then next one ones two three four five ten ascending descending briefly only now better best faster right",
    ),
];

/// Whole turns of several words that only take note, and of scripts without spaces.
pub(super) const NOTED: [&str; 28] = [
    "got it",
    "i see",
    "never mind",
    "makes sense",
    "that makes sense",
    "sounds good",
    "well done",
    "good morning",
    "good night",
    "no thanks",
    "no thank you",
    "no problem",
    "how are you",
    "ha ha",
    "nice one",
    "you're welcome",
    "好",
    "好的",
    "好吧",
    "明白",
    "明白了",
    "知道了",
    "收到",
    "不错",
    "停",
    "算了",
    "はい",
    "네",
];

/// Beginnings that add something or ask for more, behind courtesies.
pub(super) const BEGINNINGS: [&str; 12] = [
    "what about ",
    "how about ",
    "what if ",
    "what do you mean",
    "carry on ",
    "go on from ",
    "go on with ",
    "keep going ",
    "keep on ",
    "keep writing ",
    "try again ",
    "mach weiter ",
];

/// Behind a greeting, and no question.
pub(super) const HOW_ARE_YOU: [&str; 4] = [
    " how are you",
    " how are you doing",
    " how's it going",
    " what's up",
];

pub(super) const ENDS_UNSPACED: [&str; 12] = [
    "谢谢",
    "多谢",
    "感谢",
    "再见",
    "你好",
    "您好",
    "謝謝",
    "感謝",
    "ありがとう",
    "こんにちは",
    "감사",
    "안녕",
];

/// Letters that say with thanks or a greeting how, to whom and for what.
pub(super) const POLITE_UNSPACED: &str = "你您们們的了很非常多太真好帮幫助忙有用啊呀吧这這那就是都我对對大家十分どうもございますまし합니다해요하세";

pub(super) const POINTS_UNSPACED: [&str; 25] = [
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

/// Beginnings of wishes for more of the same that say which.
pub(super) const CONTINUES_UNSPACED: [&str; 6] = ["继续", "接着", "繼續", "接著", "続け", "続き"];

/// Beginnings of questions and instructions that need nothing before them.
pub(super) const OWN_UNSPACED: [&str; 9] = [
    "什么是",
    "谁是",
    "你是谁",
    "讲个",
    "讲一个",
    "写首",
    "写一",
    "写个",
    "列出",
];

static WORDS: LazyLock<HashMap<&str, Kinds>> = LazyLock::new(|| {
    let mut words: HashMap<&str, Kinds> = HashMap::new();
    for (kind, list) in LISTS {
        for word in list.split(' ') {
            words.entry(word).or_default().0 |= kind as u16;
        }
    }
    words
});
