//! Words that tell the kind of task, alike in English, Chinese and some other languages.
//!
//! A cue's counter is shared by all languages: what is learned about "prove" from English
//! outcomes holds for 证明. Cues of scripts without spaces are pairs of characters, because that is
//! what the pass sees; a longer word is represented by the pair that is least ambiguous.

use std::sync::OnceLock;

use super::by_hash::ByHash;
use super::scan::{BUCKETS, bucket_of, cue_hash};

/// A kind of cue word; each has a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Cue {
    Code,
    Systems,
    Mathematics,
    Proof,
    Law,
    Medicine,
    Physics,
    Chemistry,
    Economics,
    Humanities,
    Reasoning,
    Debugging,
    Translation,
    Rewriting,
    Everyday,
    Creative,
    Brief,
    Extensive,
    Negation,
    Condition,
    Quantity,
    Asking,
}

/// Number of kinds.
pub(super) const CUES: usize = Cue::Asking as usize + 1;

type Words = &'static str;

/// Every kind with its words, in the order of [`Cue`].
const WORDS: [(Cue, &str, Words); CUES] = [
    (
        Cue::Code,
        "code",
        "code python javascript typescript java rust golang sql html css bash shell regex json yaml api function def class method variable array string list int return import const struct compile compiler script program programming implement algorithm recursion recursive iterator parser parse library framework react django docker 代码 函数 编程 程序 算法 脚本 接口 数组 变量 编译 实现 正则 数据 递归 funktion programmiere datenbank abfrage skript fonction requête requete función código codigo consulta função programma funzione codice функцию функция скрипт запрос программу 関数 実装 配列 함수 코드 구현 程式",
    ),
    (
        Cue::Systems,
        "systems",
        "concurrent concurrency thread threads threadsafe mutex lock locks lockfree deadlock race atomic atomics distributed consensus raft paxos replication shard sharding latency throughput scalable scalability kernel scheduler allocator memory cache eviction consistency transaction transactions isolation linearizable microservices kubernetes backpressure 并发 线程 死锁 分布 一致 事务 缓存 内存 吞吐 延迟 集群 架构 高可 内核 调度 原子 分片 verteilt verteiltes nebenläufig skalierbar speicher warteschlange réparti distribuée cohérence verrou distribuido concurrencia escalable escalável distribuído scalabile распределённую распределенной масштабируемую потоков 分散 並行 排他 분산 동시 快取 延遲 叢集",
    ),
    (
        Cue::Mathematics,
        "mathematics",
        "integral derivative equation equations polynomial matrix matrices vector eigenvalue probability integer integers prime primes modulo remainder divisible triangle circle angle radius sqrt frac sum product logarithm sin cos tan function functions graph group ring field subgroup homomorphism continuous converge converges convergence limit series sequence random variance expectation distribution perimeter area volume coefficient roots 积分 导数 方程 矩阵 概率 整数 质数 素数 余数 三角 圆形 半径 多项 数列 极限 级数 期望 方差 函数 向量 特征 面积 体积 微分 几何 代数 gleichung gleichungen ableitung wahrscheinlichkeit primzahl stetig équation équations dérivée probabilité ecuación ecuaciones derivada probabilidad equação equações equazione probabilità уравнение уравнения вероятность 確率 積分 행렬 확률 적분 機率 數列 質數",
    ),
    (
        Cue::Proof,
        "proof",
        "prove proof theorem lemma corollary conjecture induction contradiction irrational infinitely iff bijection injective surjective axiom formal formally rigorous rigorously derive derivation disprove counterexample 证明 定理 引理 归纳 反证 推导 严格 无理 反例 推论 当且 充要 beweise beweis beweisen herleitung herleiten démontre démontrer démontrez demontre prouver théorème demuestra demostrar demuestre teorema demonstre demonstrar dimostra dimostrare докажи докажите доказать 証明 導出 증명 유도 證明 推導",
    ),
    (
        Cue::Law,
        "law",
        "law legal court plaintiff defendant contract liability liable statute constitutional negligence tort tortious jurisdiction attorney lawsuit damages appeal jury criminal clause breach indemnity enforceable regulation compliance gdpr fiduciary precedent 法律 合同 法院 原告 被告 责任 违约 条款 诉讼 侵权 宪法 刑法 民法 赔偿 合规 判决 仲裁 vertrag gesetz klage kläger anwalt kündigung haftung contrat avocat juridique licenciement contrato abogado despido cláusula advogado contratto avvocato legge договор закон ответственность 契約 裁判 계약 소송 訴訟 合約",
    ),
    (
        Cue::Medicine,
        "medicine",
        "patient symptoms diagnosis diagnose disease treatment therapy clinical dose drug blood cell cells protein gene infection tumor cancer surgery syndrome physician hospital pain chronic acute 患者 症状 诊断 疾病 治疗 药物 临床 细胞 蛋白 基因 感染 肿瘤 手术 剂量 krankheit symptome behandlung medikament nebenwirkungen maladie symptômes traitement médicament médecin enfermedad síntomas tratamiento paciente doença sintomas tratamento malattia sintomi farmaco болезнь симптомы лечение 病気 治療 증상 치료 藥物",
    ),
    (
        Cue::Physics,
        "physics",
        "velocity acceleration force energy momentum mass gravity electron photon quantum wave wavelength frequency voltage current resistance magnetic electric thermodynamics entropy temperature pressure relativity spaceship particle particles kinetic torque inertia capacitor hamiltonian 速度 加速 能量 动量 质量 重力 电子 量子 波长 频率 电压 电流 磁场 电场 热力 温度 压强 相对 粒子 摩擦 geschwindigkeit beschleunigung energie spannung vitesse accélération énergie velocidad aceleración energía velocidade aceleração energia velocità accelerazione скорость ускорение энергия энергию 電圧 電磁 속도 가속 電壓",
    ),
    (
        Cue::Chemistry,
        "chemistry",
        "molecule molecules reaction acid base solution molar moles mole ion ions bond compound oxidation catalyst equilibrium enthalpy ph titration organic carbon hydrogen oxygen chloride isomer spectrum nmr 分子 反应 溶液 摩尔 离子 化合 氧化 催化 平衡 有机 化学 浓度 molekül säure lösung molécule réaction oxydation molécula reacción reação molecola reazione молекула реакция раствор 濃度 분자 반응 溶劑",
    ),
    (
        Cue::Economics,
        "economics",
        "market price demand supply inflation gdp monetary fiscal elasticity cost costs revenue profit tax interest investment bond bonds equity portfolio firm firms accounting asset assets dividend valuation 市场 价格 需求 供给 通胀 货币 财政 成本 收入 利润 税收 利率 投资 股票 资产 估值 会计 markt preis preise steuer zinsen umsatz gewinn marché impôt bénéfice mercado precio impuesto inflación preço imposto lucro mercato prezzo рынок налог прибыль 価格 税金 시장 가격 價格 利潤",
    ),
    (
        Cue::Humanities,
        "humanities",
        "history century war empire philosophy philosopher moral ethics ethical religion culture political government society theory kant aristotle historical argument treaty revolution 历史 世纪 战争 帝国 哲学 道德 伦理 宗教 文化 政治 政府 社会 理论 革命 jahrhundert krieg philosophie siècle guerre siglo guerra filosofía século filosofia secolo истории война философия 歴史 哲學 역사 철학 歷史 戰爭",
    ),
    (
        Cue::Reasoning,
        "reasoning",
        "analyze analyse analysis compare evaluate design architect architecture optimize optimise optimal tradeoff tradeoffs trade justify explain why reason reasoning determine assess critique strategy plan constraints constraint assumption assumptions implications consequences rigorous infer 分析 比较 评估 设计 优化 权衡 为何 论证 推理 确定 策略 约束 假设 影响 利弊 深入 系统 analysiere vergleiche begründe erkläre erklaere bewerte entwirf warum explique conçois pourquoi justifie analiza explica diseña projete porque analizza spiega progetta проанализируй сравни объясни спроектируй почему 比較 設計 説明 說明 분석 비교 설계 설명",
    ),
    (
        Cue::Debugging,
        "debugging",
        "bug bugs debug error errors exception stacktrace traceback crash crashes segfault panic leak leaks fails failing failed fix undefined nullpointerexception typeerror valueerror deadlocks intermittent intermittently flaky 错误 报错 异常 崩溃 调试 泄漏 修复 排查 故障 偶发 fehler fehlermeldung absturz behebe erreur erreurs plantage corriger fallo falla depurar erro erros errore errori ошибка ошибку ошибки утечку исправь エラ 不具 오류 버그 錯誤 除錯",
    ),
    (
        Cue::Translation,
        "translation",
        "translate translation english spanish french german chinese japanese italian korean language meaning synonym antonym pronounce 翻译 英文 中文 英语 日语 法语 译成 译为 同义 反义 übersetze übersetzen uebersetze übersetzung traduis traduire traduisez traduction traduce traducir traduzca traducción traduza traduzir traduci tradurre переведи переведите перевод 翻訳 訳し 英訳 번역 영어 翻譯 譯成",
    ),
    (
        Cue::Rewriting,
        "rewriting",
        "rewrite rephrase paraphrase summarize summarise summary shorten grammar spelling proofread correct polite tone format convert extract classify sentiment label uppercase lowercase capitalize 改写 润色 总结 概括 摘要 语法 提取 分类 情感 语气 格式 转换 缩写 改成 fasse zusammen zusammenfassung formuliere umformulieren résume résumer reformule corrige resumir resumen reescribe resuma reescreva riassumi riscrivi riformula перепиши перескажи исправить 要約 書き 요약 분류 總結 改寫 分類",
    ),
    (
        Cue::Everyday,
        "everyday",
        "hi hello hey thanks thank please greeting birthday email recipe dinner breakfast weather weekend vacation holiday movie dog cat kids mom friend coffee tea pizza gift morning night caption tweet name names 你好 谢谢 邮件 生日 请假 菜谱 晚饭 早餐 天气 周末 旅游 电影 朋友 祝福 朋友 早上 晚上 微信 问候 名字 推荐 bitte danke hallo geburtstag rezept bonjour merci anniversaire recette hola gracias cumpleaños receta obrigado obrigada receita ciao grazie ricetta привет спасибо пожалуйста 挨拶 誕生 안녕 생일 謝謝 郵件",
    ),
    (
        Cue::Creative,
        "creative",
        "story poem haiku song lyrics joke slogan tagline imagine character dialogue fiction novel limerick riddle blog 故事 诗歌 首诗 歌词 笑话 口号 广告 文案 小说 对联 标题 谜语 gedicht geschichte witz märchen poème poeme blague conte chanson poema cuento chiste canción piada poesia poesía filastrocca barzelletta стихотворение сказку рассказ шутку 物語 俳句 이야 소설 笑話 廣告",
    ),
    (
        Cue::Brief,
        "brief",
        "brief briefly short one sentence word simple simply quick quickly tldr just only single concise yes 简短 一句 简单 一个 简要 只需 是否 快速 一下 几句 kurz kurze kurzen knapp stichpunkten bref brève brièvement simplement breve brevemente corto corta sencillo curto curta кратко коротко короткий 簡潔 一言 短く 간단 짧게 簡短 簡單",
    ),
    (
        Cue::Extensive,
        "extensive",
        "detailed detail comprehensive thorough thoroughly essay report complete full entire step steps every edge cases production robust including chapter long 详细 全面 完整 报告 步骤 每个 逐步 包括 论文 长文 方案 生产 边界 ausführlich ausführliche detailliert detaillierte vollständig bericht détaillé détaillée complète étapes detallado detallada completo completa detalhado detalhada relatório dettagliato dettagliata подробно подробный полный 詳し 詳細 자세 단계 步驟",
    ),
    (
        Cue::Negation,
        "negation",
        "not no never except without neither nor cannot none least false incorrect 不能 不是 没有 除了 不得 并非 无法 不可 nicht kein keine ohne niemals aucun aucune jamais nunca ningún nenhum senza nessun нельзя кроме никогда 없이 沒有 無法",
    ),
    (
        Cue::Condition,
        "condition",
        "if then unless whether suppose given assume let such each exactly until when while because therefore however although 如果 假设 若干 除非 因此 但是 已知 满足 对于 任意 存在 恰好 设有 wenn sofern angenommen jede supposons lorsque chaque supongamos dado cada suponha seja ogni supponiamo если пусть каждый 仮定 場合 만약 假設 對於",
    ),
    (
        Cue::Quantity,
        "quantity",
        "many much total per times twice half percent percentage rate average more less fewer number minutes hours days dollars miles cost ratio remaining left 多少 总共 一共 每个 平均 百分 比例 几个 剩下 分钟 小时 公里 倍数 计算 求出 wieviel anzahl prozent durchschnitt combien pourcentage moyenne cuánto cuántos cuántas porcentaje quanto quantos percentuale сколько процент процентов 合計 計算 얼마 평균 幾個",
    ),
    (
        Cue::Asking,
        "asking",
        "who what when where which whose name called capital country year known 什么 哪个 哪里 哪些 何时 哪年 首都 是谁 叫做 多大 几点 welche welcher welches heißt hauptstadt quel quelle quels cuál cuáles cuándo dónde quién qual quais quem quale quali какой какая какие когда とは 무엇 언제 什麼 哪個 哪裡",
    ),
];

/// Names of the kinds, in the order of [`Cue`].
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(_, name, _)| *name)
}

/// Every cue word with the number of its [`Cue`].
#[cfg(test)]
pub(super) fn words() -> impl Iterator<Item = (&'static str, u8)> {
    WORDS
        .iter()
        .flat_map(|(kind, _, words)| words.split(' ').map(|word| (word, *kind as u8)))
}

/// A bit for every bucket that a cue has: of other words one in twelve passes.
#[derive(Debug)]
pub(super) struct CueFilter([u64; BUCKETS / 64]);

impl CueFilter {
    /// Whether a word in this bucket can be a cue: most cannot.
    #[inline]
    pub(super) fn may_have(&self, bucket: u16) -> bool {
        let index = usize::from(bucket);
        self.0[index / 64 % (BUCKETS / 64)] >> (index % 64) & 1 != 0
    }

    fn insert(&mut self, bucket: u16) {
        let index = usize::from(bucket);
        self.0[index / 64 % (BUCKETS / 64)] |= 1 << (index % 64);
    }
}

/// Cue words by hash, behind a filter by bucket: most words cost one look.
#[derive(Debug)]
pub(super) struct CueTable {
    filter: CueFilter,
    /// The number of the [`Cue`].
    kinds: ByHash<u8>,
}

/// The table of all cues, built on first use.
pub(super) fn table() -> &'static CueTable {
    static TABLE: OnceLock<Box<CueTable>> = OnceLock::new();
    TABLE.get_or_init(|| Box::new(CueTable::build()))
}

impl CueTable {
    fn build() -> Self {
        let mut table = Self {
            filter: CueFilter([0; BUCKETS / 64]),
            kinds: ByHash::new(),
        };
        for (kind, _, words) in &WORDS {
            for word in words.split(' ') {
                let hash = cue_hash(word);
                table.filter.insert(bucket_of(hash));
                // A word that is listed under two kinds belongs to the first.
                table.kinds.insert(hash, *kind as u8);
            }
        }
        table
    }

    pub(super) fn filter(&self) -> &CueFilter {
        &self.filter
    }

    /// The kind of the word with this hash, as the number of its [`Cue`].
    #[inline]
    pub(super) fn find(&self, hash: u64) -> Option<u8> {
        self.kinds.find(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorer::classes::is_cjk;

    #[test]
    fn kinds_stand_in_their_own_order() {
        for (index, (kind, _, _)) in WORDS.iter().enumerate() {
            assert_eq!(index, *kind as usize);
        }
    }

    #[test]
    fn words_are_found_and_others_are_not() {
        let table = table();
        for (word, kind) in [
            ("prove", Cue::Proof),
            ("证明", Cue::Proof),
            ("代码", Cue::Code),
        ] {
            assert_eq!(table.find(cue_hash(word)), Some(kind as u8), "{word}");
        }
        assert_eq!(table.find(cue_hash("steelyard")), None);
        assert_eq!(table.find(cue_hash("明证")), None);
        assert_eq!(table.find(0), None);
    }

    #[test]
    fn every_cue_passes_the_filter_and_few_others_do() {
        let table = table();
        for word in WORDS.iter().flat_map(|(_, _, words)| words.split(' ')) {
            let hash = cue_hash(word);
            let passes = table.filter().may_have(bucket_of(hash));
            assert!(passes && table.find(hash).is_some(), "{word}");
        }
        let passing = (0..10_000)
            .filter(|number| {
                let hash = cue_hash(&format!("word{number}"));
                table.filter().may_have(bucket_of(hash))
            })
            .count();
        assert!(passing < 1_100, "{passing} of 10,000 other words pass");
    }

    #[test]
    fn cues_of_scripts_without_spaces_are_pairs() {
        for word in WORDS.iter().flat_map(|(_, _, words)| words.split(' ')) {
            let letters = word.chars().filter(|letter| is_cjk(*letter)).count();
            let pair = letters == 2 && word.chars().count() == 2;
            assert!(
                letters == 0 || pair,
                "a cue that the pass cannot see: {word}"
            );
            assert_eq!(word.to_lowercase(), word);
        }
    }
}
