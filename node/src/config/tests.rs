use super::*;

const SAMPLE: &str = include_str!("../../../deploy/sample/jieli.toml");
const MINIMAL: &str = "[city]\nid = \"km.yn\"\nname = \"昆明\"\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("city"))
}

fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn start() -> Start {
    Start {
        city: CityId::parse("example-city").unwrap(),
        name: "示例市".to_owned(),
        database: Database::Sqlite,
        keyring: None,
        listen: Listen::default(),
        end_points: vec!["jieli.example.cn:7400".to_owned()],
        passphrase_file: None,
        undo_minutes: UNDO_MINUTES,
        tokens: DeskToken::for_office(&CreditCode::parse("91530100MA00000020").unwrap()),
    }
}

#[test]
fn the_sample_is_what_init_writes() {
    assert_eq!(render(&start()), SAMPLE);
    let config = parse(SAMPLE).unwrap();
    assert_eq!(config.city.id.as_str(), "example-city");
    assert_eq!(config.database, Database::Sqlite);
    assert_eq!(config.listen, Listen::default());
    assert_eq!(config.desk.tokens, start().tokens);
    assert!(config.warnings().is_empty());
}

#[test]
fn the_sample_shows_every_default() {
    let shown: Vec<&str> = SAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => key,
            _ => line,
        })
        .collect();
    let config = parse(&shown.join("\n")).unwrap();
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.courier, Courier::default());
    assert_eq!(config.import, Import::default());
    assert_eq!(config.notices.file, Notices::default().file);
    assert_eq!(config.desk.undo_minutes, Desk::default().undo_minutes);
    let window = config.desk.window("91530100MA00000020").unwrap();
    assert_eq!((window.opens_min, window.closes_min, window.bring), (540, 1020, vec![1]));
    // As many keys as the structs have fields: none is missing from the sample.
    let fields = |debug: String| debug.matches(": ").count();
    let keys = |table: &str| {
        let table = shown.iter().skip_while(|line| **line != table).skip(1);
        table.take_while(|line| line.contains(" = ")).count()
    };
    assert_eq!(keys("[limits]"), fields(format!("{:?}", Limits::default())));
    assert_eq!(keys("[courier]"), fields(format!("{:?}", Courier::default())));
    assert_eq!(keys("[import]"), fields(format!("{:?}", Import::default())));
}

#[test]
fn only_the_city_must_be_named() {
    let config = parse(MINIMAL).unwrap();
    assert_eq!(config.city.name, "昆明");
    assert_eq!(config.notices_file(), Path::new("city/notices.jsonl"));
    assert_eq!(config.sqlite_file(), Path::new("city/jieli.db"));
    assert_eq!(config.calendar_file(), None);
    assert!(config.desk.tokens.is_empty());
    assert!(refused("").contains("missing field `city`"));
}

#[test]
fn an_unknown_key_is_named() {
    for (text, key) in [
        ("colour = 1\n[city]\nid = \"km.yn\"\nname = \"昆明\"\n", "colour"),
        (&format!("{MINIMAL}colour = 1\n"), "colour"),
        (&format!("{MINIMAL}[limits]\nstreams = 1\n"), "streams"),
        (&format!("{MINIMAL}[couriers]\n"), "couriers"),
        (&format!("{MINIMAL}[[desk.tokens]]\nsecret = 1\n"), "secret"),
    ] {
        let says = refused(text);
        assert!(says.contains(&format!("unknown field `{key}`")), "{says}");
        assert!(says.contains("jieli.toml, line "), "{says}");
    }
    let says = refused(&format!("{MINIMAL}\n[limits]\nstreams_max = \"many\"\n"));
    assert!(says.contains("line 6") && says.contains("limits.streams_max"), "{says}");
}

#[test]
fn values_that_cannot_stand_are_named() {
    let listen = "[listen]\npeer = \"127.0.0.1:9\"\ndesk = \"127.0.0.1:9\"\n";
    let office = "office = \"91530100MA00000020\"\n";
    let twice = format!("[[desk.tokens]]\nrole = \"clerk\"\n{office}").repeat(2);
    let window = |rest: &str| format!("[[desk.windows]]\n{office}{rest}");
    let path = format!("[[desk.tokens]]\nname = \"../x\"\nrole = \"clerk\"\n{office}");
    for (table, key) in [
        ("[limits]\nrequest_s_max = 601\n", "limits.request_s_max"),
        ("[limits]\nstreams_max = 0\n", "limits.streams_max"),
        ("[courier]\nperson_after_s = 61\n", "courier.person_after_s"),
        ("[import]\nrows_max = 0\n", "import.rows_max"),
        ("[desk]\nundo_minutes = 31\n", "desk.undo_minutes"),
        (&window("telephone = \"none\"\n"), "desk.windows"),
        (&window("telephone = \"0871-1\"\nbring = [2, 1]\n"), "desk.windows"),
        (&window("telephone = \"0871-1\"\nopens = \"18:00\"\n"), "desk.windows"),
        (&window("telephone = \"0871-1\"\ndistricts = [\"\"]\n"), "desk.windows.districts"),
        (
            &window("telephone = \"0871-1\"\ndistricts = [\"东\", \"东\"]\n"),
            "desk.windows.districts",
        ),
        (listen, "listen.desk"),
        (&twice, "desk.tokens"),
        (&path, "desk.tokens"),
        (&format!("[[desk.tokens]]\nrole = \"approver\"\n{office}"), "desk.tokens"),
        (&format!("[[desk.tokens]]\nrole = \"approver\"\npost = \"\"\n{office}"), "desk.tokens"),
        (&format!("[[desk.tokens]]\nrole = \"clerk\"\npost = \"科长\"\n{office}"), "desk.tokens"),
    ] {
        let says = refused(&format!("{MINIMAL}{table}"));
        assert!(says.starts_with(&format!("city/jieli.toml: {key} ")), "{says}");
    }
    assert!(refused("[city]\nid = \"Km\"\nname = \"昆明\"\n").contains("city id"));
    assert!(refused("[city]\nid = \"km.yn\"\nname = \" \"\n").contains("city.name"));
    let wrong_code = format!("{MINIMAL}[[desk.tokens]]\nrole = \"clerk\"\noffice = \"1\"\n");
    assert!(refused(&wrong_code).contains("credit code"));
    let no_role = format!("{MINIMAL}[[desk.tokens]]\nrole = \"admin\"\n{office}");
    assert!(refused(&no_role).contains("unknown variant `admin`"));
}

#[test]
fn a_password_is_never_shown() {
    let url = "postgres://jieli:hunter2@db.example/jieli";
    let both = |ring: &str| format!("database = \"{url}\"\n{MINIMAL}[keyring]\nurl = \"{ring}\"\n");
    let config = parse(&both(&format!("{url}_keyring"))).unwrap();
    assert_eq!(config.database, Database::Postgres(url.to_owned()));
    assert_eq!(config.keyring.url, config.database.keyring_beside());
    assert!(!format!("{config:?}").contains("hunter2"));
    // The keys of sections lie in another database, or nothing starts.
    for wrong in [both(url), both("sqlite"), format!("database = \"{url}\"\n{MINIMAL}")] {
        let says = refused(&wrong);
        assert!(says.contains("keyring.url") && !says.contains("hunter2"), "{says}");
    }
    for wrong in ["mysql://u:hunter2@db/x", "hunter2"] {
        let says = refused(&format!("database = \"{wrong}\"\n{MINIMAL}"));
        assert!(says.contains("postgres://") && !says.contains("hunter2"), "{says}");
    }
    let says = refused(&format!("databse = \"{url}\"\n{MINIMAL}"));
    assert!(says.contains("`databse`") && !says.contains("hunter2"), "{says}");
    let says = refused(&format!("database = \"{url}\n{MINIMAL}"));
    assert!(says.contains("line 1") && !says.contains("hunter2"), "{says}");
}

#[test]
fn end_points_have_a_host_and_a_port() {
    for good in ["a:1", "jieli.example.cn:7400", "10.0.0.1:65535", "[2001:db8::1]:7400"] {
        assert!(is_end_point(good), "{good}");
    }
    for bad in [
        "",
        "a",
        "a:",
        ":1",
        "a:0",
        "a:01",
        "a:+1",
        "a:65536",
        "https://a:1",
        "a:1/x",
        "a b:1",
        "2001:db8::1:7400",
        "[x]:1",
        "a..b:1",
        "-a:1",
        "u@a:1",
    ] {
        assert!(!is_end_point(bad), "{bad}");
    }
    assert!(refused(&format!("end_points = [\"a:1\", \"a:1\"]\n{MINIMAL}")).contains("end_points"));
}

#[test]
fn text_goes_through_unharmed() {
    let mut start = start();
    start.name = "a \"b\" 'c' \\d # e".to_owned();
    start.database = Database::Postgres("postgres://u:p%22@h/d?x='y'".to_owned());
    start.keyring = start.database.keyring_beside();
    start.listen.health = Some(SocketAddr::from(([127, 0, 0, 1], 9)));
    start.passphrase_file = Some(PathBuf::from("a\tb\n\"c"));
    start.tokens[0].name = Some("clerk-school".to_owned());
    let config = parse(&render(&start)).unwrap();
    assert_eq!(config.city.name, start.name);
    assert_eq!(config.database, start.database);
    assert_eq!(config.listen, start.listen);
    assert_eq!(config.keys.passphrase_file, start.passphrase_file);
    assert_eq!(config.desk.tokens, start.tokens);
}

#[test]
fn an_open_desk_is_warned_of() {
    let text = format!("{MINIMAL}[listen]\ndesk = \"0.0.0.0:7401\"\n");
    let warnings = parse(&text).unwrap().warnings();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("listen.desk"));
}

#[test]
fn a_missing_file_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let says = Config::load(dir.path()).unwrap_err().to_string();
    assert!(says.contains("jieli init"), "{says}");
    std::fs::write(dir.path().join(FILE), MINIMAL).unwrap();
    assert_eq!(Config::load(dir.path()).unwrap().dir, dir.path());
    std::fs::write(dir.path().join(FILE), [0xff]).unwrap();
    assert!(Config::load(dir.path()).unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn the_offices_of_a_city_are_named_once_with_a_kind_of_the_closed_list() {
    let office = |code: &str, kind: &str, name: &str, telephone: &str| {
        format!(
            "[[office]]\ncredit_code = \"{code}\"\nkind = \"{kind}\"\nname = \"{name}\"\n\
             telephone = \"{telephone}\"\n"
        )
    };
    let (code, other) = ("91530100MA00000020", "11999999MB0000019T");
    let good = office(code, "medical-security", "医保局", "0871-1");
    let both = [MINIMAL, &good, &office(other, "Labour", "人社局", "0871-1")].concat();
    let config = parse(&both.replace("0871-1", "0871-12")).unwrap();
    let offices = config.own_offices();
    let kinds: Vec<wire::OfficeKind> = offices.iter().map(wire::Office::kind).collect();
    assert_eq!(kinds, [wire::OfficeKind::MedicalSecurity, wire::OfficeKind::Labour]);
    assert!(parse(MINIMAL).unwrap().own_offices().is_empty());
    for (text, why) in [
        // V15: there is no such kind, and none can be configured.
        (office(code, "police", "公安局", "110-110"), "closed list"),
        (office(code, "unspecified", "局", "110-110"), "closed list"),
        (office("91530100MA00000021", "labour", "局", "110-110"), "credit code"),
        (office(code, "labour", " ", "110-110"), "must name"),
        (office(code, "labour", "局", "1x"), "telephone"),
        (office(code, "labour", "局", "110-110").repeat(2), "two entries"),
    ] {
        let said = refused(&format!("{MINIMAL}{text}"));
        assert!(said.contains(why), "{said}");
    }
}
