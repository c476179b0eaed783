//! The words that a task is known by.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::scorer::by_hash::ByHash;
use crate::scorer::scan::{cue_hash, lower_hash};

/// What a word may be in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Role {
    /// A verb of work.
    Work = 1 << 0,
    /// A verb of work that also says how answers are to be: "write in a friendly tone".
    Style = 1 << 1,
    /// A verb or name of work whose answer is the text itself in another form.
    GivesBack = 1 << 2,
    /// Says what may be asked, or what may not, not what is.
    Offered = 1 << 3,
    /// Behind the verb: it is a rule for some answers, not the task.
    Condition = 1 << 4,
    /// What a model is named after its work.
    Name = 1 << 5,
    /// Hands an answer over: the form of it, or behind "you" and circumstances a verb of work.
    HandsOver = 1 << 6,
    /// Answers: the form of it.
    Answers = 1 << 7,
    /// The text after the work.
    Done = 1 << 8,
    /// An answer that is a label.
    YesOrNo = 1 << 9,
    /// Each of what is sent.
    Each = 1 << 10,
    /// Less than the text comes back, or little altogether.
    Little = 1 << 11,
    /// May stand before the verb.
    Filler = 1 << 12,
    /// Speaks to the model.
    You = 1 << 13,
    /// Behind it stands the task.
    Task = 1 << 14,
    /// Behind it stands who the model is.
    Are = 1 << 15,
    /// May stand before "assistant".
    The = 1 << 16,
    /// The model in the third person.
    Assistant = 1 << 17,
    /// To be of service is no task.
    Service = 1 << 18,
    /// Begins a sentence whose verb stands behind a comma.
    Circumstance = 1 << 19,
    /// Begins a sentence whose work stands behind "and".
    Takes = 1 << 20,
    /// Between what is taken and the work.
    And = 1 << 21,
    /// Between who the model is and its work.
    That = 1 << 22,
    /// Behind it stands no name of the model.
    Of = 1 << 23,
    /// Behind a verb of style: how answers are to be.
    Manner = 1 << 24,
    /// Behind a verb of work: it speaks of the model's own answers, or of none.
    Own = 1 << 25,
    /// Behind a verb of work: it needs no word for what is sent.
    Towards = 1 << 26,
    /// What the user sends.
    Sent = 1 << 27,
    /// Work that nobody lists as a rule of behaviour: "prove", "audit".
    Heavy = 1 << 28,
    /// Work that is light whatever the text is about: "translate", "classify".
    Light = 1 << 29,
    /// Says that something will be sent.
    Announces = 1 << 30,
    /// What the user sends, behind "the": "the code".
    SentIfThe = 1 << 31,
    /// Behind "you": it speaks of what comes, not of what the model does.
    Gets = 1 << 32,
    /// What only light work is about.
    LightObject = 1 << 33,
    /// Work on code is never light.
    Code = 1 << 34,
    /// Behind "reply": it is the answer to the task, not to the user.
    Exact = 1 << 35,
}

/// The roles that a word may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Roles(u64);

impl Roles {
    pub(super) fn has(self, role: Role) -> bool {
        self.0 & role as u64 != 0
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Listed words and pairs of characters, with their roles.
#[derive(Debug)]
pub(in crate::scorer) struct Words(ByHash<Roles>);

/// The table of all words, built on first use.
pub(in crate::scorer) fn table() -> &'static Words {
    static TABLE: OnceLock<Box<Words>> = OnceLock::new();
    TABLE.get_or_init(|| Box::new(Words::build()))
}

impl Words {
    fn build() -> Self {
        let mut roles: BTreeMap<u64, u64> = BTreeMap::new();
        let listed = LISTS.iter().chain([
            &(Role::Work, ENGLISH_WORK),
            &(Role::GivesBack, ENGLISH_GIVES_BACK),
        ]);
        for (role, words) in listed {
            for word in words.split(' ') {
                *roles.entry(cue_hash(word)).or_default() |= *role as u64;
            }
        }
        // A verb's other forms are what it is.
        let kinds = [Role::Work, Role::GivesBack, Role::Heavy, Role::Light];
        let kinds = kinds.iter().fold(0, |all, kind| all | *kind as u64);
        for verb in ENGLISH_WORK.split(' ') {
            let own = roles.get(&cue_hash(verb)).map_or(0, |own| own & kinds);
            for form in forms(verb) {
                *roles.entry(cue_hash(&form)).or_default() |= own;
            }
        }
        let mut words = ByHash::new();
        for (hash, roles) in roles {
            words.insert(hash, Roles(roles));
        }
        Self(words)
    }

    /// The roles of a word in any case.
    pub(super) fn of_word(&self, word: &str) -> Roles {
        self.of_hash(lower_hash(word)).unwrap_or_default()
    }

    /// The roles of a pair of characters, or of a word in lower case.
    pub(super) fn of_hash(&self, hash: u64) -> Option<Roles> {
        self.0.find(hash)
    }
}

/// "classifies", "classifying".
fn forms(verb: &str) -> [String; 2] {
    let hissing = ["s", "x", "sh", "ch"].iter().any(|end| verb.ends_with(end));
    let third = match verb.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if hissing => format!("{verb}es"),
        _ => format!("{verb}s"),
    };
    let short = [
        "tag", "plan", "flag", "split", "map", "spot", "sum", "debug",
    ]
    .contains(&verb);
    let ing = match verb.strip_suffix('e') {
        Some(stem) => format!("{stem}ing"),
        None if short => format!("{verb}{}ing", &verb[verb.len() - 1..]),
        None => format!("{verb}ing"),
    };
    [third, ing]
}

/// Verbs of work in English, without their endings.
const ENGLISH_WORK: &str = "translate classify categorize categorise label tag extract summarize summarise rewrite rephrase paraphrase correct fix proofread convert reformat redact rename anonymize anonymise detect identify find list check verify review analyze analyse audit diagnose prove derive solve design redesign devise plan optimize optimise refactor debug evaluate assess score rate grade rank compare generate write produce draft create compose suggest propose determine decide judge moderate flag split normalize normalise parse count compute calculate estimate predict reconcile transcribe shorten simplify expand explain describe investigate trace sort merge clean mark route infer formulate reformulate develop implement port migrate critique argue examine pick choose condense mask remove replace turn transform restructure formalize formalise spot locate construct establish reconstruct give say tell copy quote pull sum advise apply refute defend fill assign perform conduct polish improve edit uppercase lowercase capitalize capitalise repeat make break disprove boil enumerate tidy";

/// Those of them whose answer is the text itself in another form.
const ENGLISH_GIVES_BACK: &str = "translate rewrite rephrase paraphrase correct fix proofread convert reformat redact rename anonymize anonymise refactor normalize normalise transcribe simplify port migrate mask transform restructure copy clean polish improve edit uppercase lowercase capitalize capitalise repeat expand make tidy";

/// Words in lower case, and pairs of characters of scripts without spaces.
const LISTS: [(Role, &str); 36] = [
    (
        Role::Work,
        "übersetze übersetzen klassifiziere fasse extrahiere korrigiere prüfe finde beweise analysiere schreibe traduis traduisez traduire classe résume résumez extrais extrayez corrige corrigez trouve trouvez vérifie démontre traduce traduzca clasifica resume resuma resumir extrae encuentra demuestra analiza traduza traduzir classifique traduci riassumi estrai classifica trova dimostra переведи переведите классифицируй извлеки исправь исправьте найди докажи проанализируй vertaal vat samenvat översätt sammanfatta przetłumacz streść çevir özetle ترجم لخص अनुवाद 翻译 译成 译为 分类 归类 提取 抽取 总结 概括 摘要 改写 润色 纠正 校对 改正 判断 识别 检测 检查 分析 证明 推导 设计 审查 审核 审计 诊断 优化 找出 标注 标记 转换 转成 转为 生成 撰写 起草 计算 求解 评估 评分 打分 比较 排序 脱敏 列出 拟定 拟一 起一 查出 排查 论证 重构 制定 给出 用一 填写 写出 写一 翻訳 要約 証明 抽出 번역 요약 추출 분류 증명 翻譯 分類 總結 證明 設計 審查 診斷 優化 潤色 复盘",
    ),
    (
        Role::Style,
        "write explain describe say tell give make answer think format",
    ),
    (
        Role::GivesBack,
        "translator translation proofreader redactor transcriber corrector corrected translated rewritten proofread converter traduttore traducteur traducteurs traductor tradutor übersetzer переводчик vertaler översättare tłumacz tłumaczem çevirmen übersetze übersetzen korrigiere traduis traduisez traduire corrige corrigez traduce traduzca traduza traduzir traduci переведи переведите исправь исправьте vertaal översätt przetłumacz çevir ترجم अनुवाद 翻译 译成 译为 改写 润色 纠正 校对 改正 转换 转成 转为 脱敏 重构 翻訳 번역 翻譯 潤色",
    ),
    (
        Role::Offered,
        "help helps helping assist assists can could may if unless not never don't don’t able ask asks asked asking questions wants refuse avoid capable happy no nothing none 如果 若是 若有 若用 若客 帮助 协助 可以 能够 擅长 不要 请勿 禁止 不得 询问 必要 要时 幫助 協助",
    ),
    (
        Role::Condition,
        "when whenever asked asks needed before internally 时候 后再 之前 再回 where wherever end answers replies responses long longer modelling 结尾 作答 明要 导要 析要 译要 结要 释要 发现 遇到 if request silently",
    ),
    (
        Role::Name,
        "translator translation classifier classification summarizer summariser summarization summarisation proofreader moderator moderation extractor extraction parser tagger redactor transcriber reviewer router triage detector detection corrector converter grader traduttore traducteur traductor tradutor übersetzer переводчик vertaler översättare tłumacz tłumaczem çevirmen",
    ),
    (Role::HandsOver, "return output emit"),
    (Role::Answers, "reply respond answer"),
    (
        Role::Done,
        "translated translation corrected correction rewritten summarized summarised proofread redacted extracted converted anonymized anonymised improved",
    ),
    (Role::YesOrNo, "yes true safe spam positive"),
    (Role::Each, "each every any"),
    (
        Role::Little,
        "one single only sentence sentences title headline word words tweet haiku characters brief short shorter summary line keyword keywords key emoji number name names date dates label list count 一句 标题 一个 简短 关键 只翻",
    ),
    (
        Role::Filler,
        "hi hello hey please always then first second next finally now only just also simply carefully quickly accurately thoroughly rigorously strictly critically either you your will must should shall are to need have going task job role goal purpose mission duty objective is it step rule instructions instruction tasked expected with by here i i'd i’d me us want would like we bitte du sie je tu vous veuillez você eres sei sind bist es é jesteś you're you’re re",
    ),
    (Role::You, "you you're you’re"),
    (Role::Task, "task job 任务 任務"),
    (
        Role::Are,
        "are as act you're you’re bist sind sei es eres é jesteś 你是 您是 作为 作為",
    ),
    (Role::The, "the"),
    (Role::Assistant, "assistant model bot ai system"),
    (
        Role::Service,
        "support be provide ensure guide make keep answer respond reply talk chat handle serve follow act use the a",
    ),
    (
        Role::Circumstance,
        "based in using from given according for after on as once per when whenever whatever whoever without under within before while every each treat",
    ),
    (
        Role::Takes,
        "read take receive get look go consider given study",
    ),
    (Role::And, "and then"),
    (Role::That, "that who which"),
    (Role::Of, "in at of for on with by from to"),
    (
        Role::Manner,
        "in concisely clearly naturally like simply with",
    ),
    (Role::Own, "your yourself yourselves sure nothing no none"),
    (Role::Towards, "into from to as in"),
    (
        Role::Sent,
        "user user's users users' customer's client's message messages text texts input inputs following below above incoming provided submitted it them this these email emails mail mails ticket tickets review reviews article articles document documents query statement conjecture theorem problem contract clause report reports post comment comments snippet transcript conversation chat dialogue invoice cv diff issue schema data content contents passage description write writes send sends paste pastes given nachricht texte mensaje mensagem messaggio testo utente benutzer nutzers usuario usuário utilisateur l'utilisateur пользователя сообщение текст bericht meddelandet użytkownika tekst mesajını metni رسالة نص संदेश 用户 文本 内容 消息 文章 评论 下面 以下 下列 输入 代码 原文 句子 客户 邮件 对话 译成 译为 转成 转为 每条 每个 每段 上述 文字 命题 问题 訊息 用戶 메시 사용 ユー artefact artifact situation material materials case conversations images 材料 病情 描述 这段 上传 提交 收到 贴给 贴出 原始 所给 条款 纠纷 该段 本条 上文 下文 图片 记录 来电 transcripts invoices contracts incident",
    ),
    (
        Role::Heavy,
        "prove derive disprove refute diagnose audit redesign devise debug refactor reconcile architect formalize formalise design beweise démontre demuestra dimostra докажи 证明 推导 论证 诊断 审计 设计 复盘 審計 診斷 證明 設計",
    ),
    (
        Role::Light,
        "translate classify categorize categorise label tag extract summarize summarise rephrase paraphrase correct proofread reformat redact anonymize anonymise detect shorten moderate flag route count uppercase lowercase capitalize capitalise translator translation classifier classification summarizer summariser summarization summarisation proofreader moderator moderation extractor extraction tagger redactor router triage detector detection corrector translated corrected summarized summarised extracted übersetze übersetzen klassifiziere extrahiere korrigiere traduis traduisez traduire classe résume résumez extrais extrayez corrige corrigez traduce traduzca clasifica resume resuma resumir extrae traduza traduzir classifique traduci riassumi estrai classifica переведи переведите классифицируй извлеки исправь исправьте vertaal samenvat översätt sammanfatta przetłumacz streść çevir özetle ترجم لخص अनुवाद traduttore traducteur traductor tradutor übersetzer переводчик 翻译 译成 译为 分类 归类 提取 抽取 总结 概括 摘要 润色 纠正 校对 改正 标注 标记 脱敏 翻訳 要約 抽出 번역 요약 추출 분류 翻譯 分類 總結 潤色 tidy",
    ),
    (
        Role::Announces,
        "given receive receives paste pastes send sends submit submits provide provides 将会 会收 收到 给你 提供 贴给 发来 上传 get gets provided",
    ),
    (
        Role::SentIfThe,
        "code question function program bug claim paper patch photo image output requirement operation sample file script log record letter story essay speech product complaint proof argument design plan sentence sentences request puzzle",
    ),
    (Role::Gets, "are receive get will were have given"),
    (
        Role::LightObject,
        "spelling grammar typo typos punctuation language title headline sentiment rechtschreibung orthographe ortografía 语种 错别 标题 情感",
    ),
    (
        Role::Code,
        "code python java javascript typescript rust go golang kotlin swift c cpp sql cobol fortran haskell scala php ruby cuda gpu kernel async concurrent parallel distributed program function 代码 程序",
    ),
    (Role::Exact, "with only exactly just yes true no false"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_verbs_are_known_in_any_case() {
        let words = table();
        for word in [
            "Classifies",
            "classifying",
            "TRANSLATES",
            "tagging",
            "assess",
            "assesses",
            "matches",
            "Übersetze",
            "plans",
            "planning",
            "says",
        ] {
            let expected = word != "matches";
            assert_eq!(words.of_word(word).has(Role::Work), expected, "{word}");
        }
        assert_eq!(words.of_word("steelyard"), Roles::default());
    }

    #[test]
    fn a_pair_stands_for_every_word_without_spaces() {
        for word in LISTS.iter().flat_map(|(_, words)| words.split(' ')) {
            let letters = word
                .chars()
                .filter(|letter| crate::scorer::classes::is_cjk(*letter));
            let letters = letters.count();
            let pair = letters == 2 && word.chars().count() == 2;
            assert!(letters == 0 || pair, "{word}");
            assert_eq!(word.to_lowercase(), word);
        }
    }
}
