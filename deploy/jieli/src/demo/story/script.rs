//! What is told, in order: Chinese first, English second, both complete.

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SceneId {
    /// Partners and agreements.
    Agreements,
    /// The forbidden column.
    Forbidden,
    /// 300 drafts.
    Import,
    /// Phones.
    Asked,
    /// Job and home.
    Job,
    /// The full school.
    SchoolFull,
    /// The other school.
    SchoolYes,
    /// Pulled.
    Medical,
    /// Stopped.
    Dormitory,
    /// SIGKILL.
    Killed,
    /// Every state.
    States,
    /// Who sees what.
    Hidden,
    /// Both logs.
    Logs,
    /// A bundle.
    Evidence,
    /// One byte.
    Changed,
}

/// A step in words.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Which.
    pub id: SceneId,
    /// Its name in the JSON.
    pub key: &'static str,
    /// Title in Chinese.
    pub zh: &'static str,
    /// Title in English.
    pub en: &'static str,
    /// What happens, in Chinese.
    pub tell_zh: &'static str,
    /// What happens, in English.
    pub tell_en: &'static str,
    /// What to look at, in Chinese.
    pub look_zh: &'static str,
    /// What to look at, in English.
    pub look_en: &'static str,
}

/// The whole story.
pub const SCRIPT: &[Scene] = &[
    Scene {
        id: SceneId::Agreements,
        key: "agreement",
        zh: "三座城市结成伙伴",
        en: "Three cities become partners",
        tell_zh: "昆明分别与瑞安、成都互换指纹，签订并会签协作协议。没有协议，什么也不能发。",
        tell_en: "Kunming exchanges fingerprints with Ruian and with Chengdu and signs an \
                  agreement with each. Without one, nothing can be sent.",
        look_zh: "三座城市各有自己的节点、密钥和数据库，没有中心；瑞安和成都互不相识。",
        look_en: "Each city has its own node, keys and database. There is no centre; Ruian and \
                  Chengdu do not even know each other.",
    },
    Scene {
        id: SceneId::Forbidden,
        key: "forbidden",
        zh: "不该收集的，整张表退回",
        en: "A sheet that asks too much is refused whole",
        tell_zh: "一张名单带有“民族”和“政治面貌”两列：整张表不导入，一个字也不保存，并给出已去掉这两列的副本。",
        tell_en: "A sheet has columns for ethnicity and for politics: the whole sheet is refused, \
                  not a word of it is kept, and a copy without these columns is offered.",
        look_zh: "下面的结果写明了是哪两列；三座城市里什么也没有增加。",
        look_en: "The result below names the two columns; nothing was added in any city.",
    },
    Scene {
        id: SceneId::Import,
        key: "import",
        zh: "三百人的名单：发出 0 条",
        en: "A list of 300 people: sent 0",
        tell_zh: "昆明导入 300 行名单，得到 300 份草稿，发出 0 条。本人没有同意，谁也发不出去。",
        tell_en: "Kunming imports a sheet of 300 rows: 300 drafts, 0 messages sent. Nobody can \
                  send for a person who has not said yes.",
        look_zh: "昆明多了 300 份草稿，瑞安和成都的待办仍是空的。",
        look_en: "Kunming has its drafts; the queues of Ruian and Chengdu are still empty.",
    },
    Scene {
        id: SceneId::Asked,
        key: "asked",
        zh: "先问本人，手机上逐项回答",
        en: "The person is asked first, item by item, on a phone",
        tell_zh: "五部手机收到询问：一家人同意，一人不同意，一人没有理会，另两部留给您。就业的同意要到下一个工作日 9:00 才算数。",
        tell_en: "Five phones ring: a family says yes, one worker says no, one does not react, \
                  and two are left for you. A yes to a job counts from 9:00 next working day.",
        look_zh: "窗口只看到“已问 5”。不同意和没理会，在窗口看来一模一样。“您的手机”里可以自己回答。",
        look_en: "The desk sees only “asked 5”. A no and silence look exactly alike to it. Answer \
                  yourself under “phones”.",
    },
    Scene {
        id: SceneId::Job,
        key: "job",
        zh: "工作：看满一天再答应，然后才交身份",
        en: "The job: read the terms for a day, and only then the identity goes",
        tell_zh: "瑞安同意接收。本人看用工条件满 24 小时后同意，身份信息才移交；瑞安私下问过“是您自愿的吗”才报结果，本人确认后办结。住房同时办成。",
        tell_en: "Ruian accepts. The worker reads the terms for 24 hours and agrees; only then the \
                  identity goes. Ruian asks in private whether the job is his own choice before \
                  it reports, and the worker confirms. The home is done too.",
        look_zh: "瑞安人社局现在看得到这位家长的名字，之前看不到。",
        look_en: "Ruian's labour office can see the parent's name now, and could not before.",
    },
    Scene {
        id: SceneId::SchoolFull,
        key: "declined",
        zh: "学校一：名额已满",
        en: "School one: no place",
        tell_zh: "瑞安的学校满员，不予接收。它只知道是几年级、转学，从未收到过孩子的名字；家长的工作不受影响。",
        tell_en: "The school in Ruian is full and declines. It knew only grade and entry and never \
                  received the child's name; the parent's job is not affected.",
        look_zh: "我们搜遍了瑞安的数据库、日志和每个窗口的页面：孩子的名字出现 0 次。",
        look_en: "We searched Ruian's database, log and every desk's pages: the child's name \
                  occurs 0 times.",
    },
    Scene {
        id: SceneId::SchoolYes,
        key: "released",
        zh: "学校二：同意接收，名字这时才到",
        en: "School two says yes, and only now the name arrives",
        tell_zh: "家人改问成都（另一位家长在那里工作）。成都同意之后，系统自动移交孩子的身份信息；入学，本人确认，办结。",
        tell_en: "The family asks Chengdu, where the other parent works. Only after Chengdu's yes \
                  the node itself hands the child's identity over. Enrolled, confirmed, done.",
        look_zh: "成都教育局看得到孩子的名字；瑞安仍然从未收到；昆明看得到“办结”，看不到是哪所学校。",
        look_en: "Chengdu's school office sees the name; Ruian never got it; Kunming sees that it \
                  is done and not which school.",
    },
    Scene {
        id: SceneId::Medical,
        key: "medical",
        zh: "医保：在新城市的窗口申请转入",
        en: "Medical cover, asked for at the new city's window",
        tell_zh: "方向反过来：工人到了瑞安，要转入医保。他带着证件，在另一家机构（瑞安市总工会）的窗口逐项看过，自己按键同意，瑞安医保局才向昆明申请；昆明办好，本人确认。",
        tell_en: "The other way round: a worker in Ruian wants his medical cover there. With his \
                  document at the window of another office, the union, he reads the item and types \
                  his yes on the keypad; only then Ruian's medical office asks Kunming. Kunming \
                  does it, the worker confirms.",
        look_zh: "昆明的“往来”里出现了来自瑞安的“转入申请”。医保局自己的窗口不能接待这个“同意”。",
        look_en: "Among Kunming's messages there is a request from Ruian. The medical office's own \
                  window could not have taken that yes.",
    },
    Scene {
        id: SceneId::Dormitory,
        key: "withdrawn",
        zh: "改主意了：停止，对方删除并签字",
        en: "A change of mind: stopped, erased, and signed for",
        tell_zh: "一位工人的宿舍申请已移交身份信息。他在手机上停止，不用说原因；瑞安删除，并签字证明已处理。",
        tell_en: "A worker's identity has already gone to Ruian for a dormitory. He stops it on \
                  his phone and gives no reason; Ruian erases it and signs for that.",
        look_zh: "停止前，瑞安住建局看得到他的名字；停止后看不到。昆明收到“撤回处理结果”。",
        look_en: "Before, Ruian's housing office saw the name; after, it does not. Kunming holds \
                  the signed effect of the withdrawal.",
    },
    Scene {
        id: SceneId::Killed,
        key: "killed",
        zh: "办到一半，断电",
        en: "The power fails half-way",
        tell_zh: "瑞安的节点被强行断电，昆明这时正好有一份申请要送：它先等着。瑞安重启后，申请到达，只到一次，什么也没丢。",
        tell_en: "Ruian's node is killed while Kunming has something to send: it waits. Ruian \
                  starts again, it arrives exactly once, and nothing is lost.",
        look_zh: "两地的存证逐条比对，完全相同。您也可以自己按“断电”试试。",
        look_en: "The records of both cities are compared one by one and are the same. Try “power \
                  off” yourself.",
    },
    Scene {
        id: SceneId::States,
        key: "expired",
        zh: "各种状态，以及时间的作用",
        en: "Cases in every state, and what time does",
        tell_zh: "十二件发往成都的办件停在不同的地方：待受理、轮候、已移交、未办成、退回、作废……过了十二个工作日，无人受理的凭签名回执逾期关闭，没人确认的草稿被删除。",
        tell_en: "Twelve cases for Chengdu stop in different places: offered, on a waiting list, \
                  released, not realised, returned, voided... Twelve working days later what nobody took up expires with a signed \
                  proof of silence, and drafts nobody confirmed are erased.",
        look_zh: "成都的待办里有各种状态。没有任何一件因为沉默而被当作“同意”。",
        look_en: "Chengdu's queue shows every state. Silence was never taken for a yes.",
    },
    Scene {
        id: SceneId::Hidden,
        key: "nothing-leaked",
        zh: "查一遍：谁也没有看到不该看的",
        en: "Searched: nobody saw what was not for them",
        tell_zh: "在瑞安和成都的数据库、日志、通知和每个窗口的页面中，查找没轮到它们看的名字、号码、电话：0 处。昆明也查不到学校和用人单位。",
        tell_en: "In the databases, logs, notices and desk pages of Ruian and Chengdu we search \
                  for names, numbers and phones that were not for them: 0. Kunming has neither \
                  school nor employer.",
        look_zh: "看三座城市的“看得到 / 看不到”。",
        look_en: "Look at “can see / cannot see” of the three cities.",
    },
    Scene {
        id: SceneId::Logs,
        key: "logs",
        zh: "两边的存证，一字不差",
        en: "Both sides keep the same record",
        tell_zh: "每份协议的每一条记录，在双方城市的存证中逐字节相同。谁也不能事后改口。",
        tell_en: "Every record of each agreement is byte for byte the same in both its cities. \
                  Nobody can change the story afterwards.",
        look_zh: "每一条往来后面的“存证正常”。",
        look_en: "The words “on record” behind every message.",
    },
    Scene {
        id: SceneId::Evidence,
        key: "evidence",
        zh: "外人也能核验",
        en: "A stranger can check it",
        tell_zh: "导出这一家的存证包，只凭两座城市的根指纹离线核验：全部成立。",
        tell_en: "The family's evidence is exported and checked offline with nothing but the two \
                  cities' root fingerprints: all of it holds.",
        look_zh: "包里没有这家人的名字，只有签名和存证。",
        look_en: "There is no name in it: signatures and records only.",
    },
    Scene {
        id: SceneId::Changed,
        key: "changed",
        zh: "改一个字节，指出改在哪里",
        en: "One byte changed: the verifier says where",
        tell_zh: "在存证包里改动一个字节再核验：不成立，并指出是哪个文件、哪里不对。",
        tell_en: "One byte of the bundle is changed: it does not hold, and the verifier names the \
                  file and what is wrong with it.",
        look_zh: "可以在“证据”里自己再改一次。",
        look_en: "Change it once more yourself under “evidence”.",
    },
];
