//! Providers, models, the relay, and foreign issuers.

use concierge::config::{ExposeSecret, IssuerKeys, ProviderKind, Strategy};

use crate::{GOOD_SECRET, config, config_of_toml, problem, problems_of_toml, variables, with_toml};

const PROVIDER: &str =
    "[providers.local]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1/\"\n";

fn problems_with_provider(more: &str) -> Vec<String> {
    problems_of_toml(&format!("{PROVIDER}{more}"))
}

#[test]
fn a_key_in_the_environment_is_a_provider() {
    let config = config(&[("OPENAI_API_KEY", "key")]);

    let [provider] = &config.providers[..] else {
        panic!("{:?}", config.providers);
    };
    assert_eq!(provider.name, "openai");
    assert_eq!(provider.kind, ProviderKind::OpenAi);
    assert_eq!(
        provider.base_url.as_ref().unwrap().as_str(),
        "https://api.openai.com/v1"
    );
    assert_eq!(provider.api_keys[0].expose_secret(), "key");
    assert!(provider.stream_usage);
}

#[test]
fn a_local_server_needs_no_key() {
    let config = config(&[("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1/")]);

    assert_eq!(config.providers[0].base_url.as_ref().unwrap().path(), "/v1");
    assert!(config.providers[0].api_keys.is_empty());
}

#[test]
fn flat_settings_fill_what_the_section_leaves_out() {
    let (_folder, mut sources) = with_toml(
        "[providers.zeta]\nkind = \"offline\"\n[providers.openai]\nstream_usage = false\n\
         headers = { OpenAI-Organization = \"org\" }\n",
    );
    sources.environment = variables(&[("OPENAI_API_KEY", "key")]);

    let config = crate::loaded(&sources).config;

    let [zeta, openai] = &config.providers[..] else {
        panic!("{:?}", config.providers);
    };
    assert_eq!(zeta.kind, ProviderKind::Offline);
    assert_eq!(openai.api_keys[0].expose_secret(), "key");
    assert_eq!(
        openai.base_url.as_ref().unwrap().host_str(),
        Some("api.openai.com")
    );
    assert!(!openai.stream_usage);
    assert_eq!(openai.headers[0].0, "OpenAI-Organization");
}

#[test]
fn a_key_can_come_from_a_file_and_be_several() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "from-file\n").unwrap();
    let keys = |line: &str| {
        let config = config_of_toml(&format!("{PROVIDER}{line}\n"));
        let keys = config.providers[0].api_keys.iter();
        keys.map(|key| key.expose_secret().to_owned())
            .collect::<Vec<_>>()
    };

    assert_eq!(
        keys(&format!("api_key_file = \"{}\"", path.display())),
        ["from-file"]
    );
    assert_eq!(keys("api_keys = [\"a\", \"b\"]"), ["a", "b"]);
    assert_eq!(
        problems_with_provider("api_key = \"a\"\napi_keys = [\"b\"]\n"),
        ["providers.local.api_keys: are set beside api_key; wanted one of them"]
    );
    assert_eq!(
        problems_with_provider("api_key = \"a\"\napi_key_file = \"b\"\n"),
        [
            "providers.local.api_key and providers.local.api_key_file: are both set; wanted one of them"
        ]
    );
}

#[test]
fn a_provider_that_makes_no_sense_is_refused() {
    for (text, said) in [
        (
            "[providers.local]\nkind = \"openai\"\n",
            "providers.local.base_url: is not set",
        ),
        ("[providers.local]\n", "providers.local.kind: is not set"),
        (
            "[providers.\"a/b\"]\nkind = \"offline\"\n",
            "providers.\"a/b\": is not a name",
        ),
        (
            "[providers.x]\nkind = \"cohere\"\n",
            "providers.x.kind: is \"cohere\"; wanted one of openai",
        ),
        (
            "[providers.claude]\nkind = \"anthropic\"\n",
            "providers.claude.kind: is one that this version does not speak; wanted openai or offline",
        ),
        (
            "[providers.x]\nkind = \"openai\"\nbase_url = \"ftp://x\"\n",
            "providers.x.base_url: is \"ftp://x\"; wanted an http:// or https:// address",
        ),
        (
            "[providers.x]\nkind = \"openai\"\nbase_url = \"http://x/v1?key=1\"\n",
            "providers.x.base_url: is \"http://x/v1?key=1\"; wanted an address without a query",
        ),
        (
            "[providers.x]\nkind = \"offline\"\nbase_ulr = \"http://x\"\n",
            "providers.x.base_ulr: is no setting; wanted one of kind, base_url, api_key",
        ),
        (
            "[providers.x]\nkind = \"offline\"\nheaders = { Host = \"x\" }\n",
            "providers.x.headers.Host: is a header that cannot be set",
        ),
        ("providers = 5\n", "providers: is no setting"),
    ] {
        let problems = problems_of_toml(text);
        assert!(problems[0].starts_with(said), "{problems:#?}");
    }
}

#[test]
fn a_model_is_read_with_its_spelling_and_price() {
    let config = config_of_toml(&format!(
        "{PROVIDER}\
         [models.\"Gpt-4o/mini v1.5\"]\n\
         targets = [\"local/org/gpt-4o-mini\", \"local/b\"]\n\
         strategy = \"weighted\"\n\
         weights = [3, 1]\n\
         price = {{ input = 0.15, cached_input = 0.075, output = 0.60 }}\n\
         max_output_tokens = 16384\n\
         first_token_timeout = \"10s\"\n",
    ));

    let model = &config.models["Gpt-4o/mini v1.5"];
    assert_eq!(model.targets[0].provider, "local");
    assert_eq!(model.targets[0].model, "org/gpt-4o-mini");
    assert_eq!(model.strategy, Strategy::Weighted);
    assert_eq!(model.weights, [3, 1]);
    let price = model.price.unwrap();
    assert_eq!((price.input, price.cached_input), (150, 75));
    assert_eq!((price.cache_write, price.output), (150, 600));
    assert_eq!(model.max_output_tokens, Some(16_384));
    assert_eq!(model.first_token_timeout.unwrap().as_secs(), 10);
    assert_eq!(
        config.providers[0].base_url.as_ref().unwrap().as_str(),
        "http://127.0.0.1:1/v1"
    );
}

#[test]
fn a_model_that_makes_no_sense_is_refused() {
    let target = "targets = [\"local/a\"]\n";
    for (text, said) in [
        (String::new(), "models.m.targets: are not set"),
        ("targets = []\n".into(), "models.m.targets: are not set"),
        (
            "targets = [\"lokal/a\"]\n".into(),
            "models.m.targets: holds \"lokal/a\"; wanted a configured provider: local",
        ),
        (
            "targets = [\"local\"]\n".into(),
            "models.m.targets: holds \"local\"; wanted provider/upstream-model",
        ),
        (
            format!("{target}strategy = \"weighted\"\n"),
            "models.m.weights: are not set",
        ),
        (
            format!("{target}strategy = \"weighted\"\nweights = [1, 2]\n"),
            "models.m.weights: are 2 for 1 targets",
        ),
        (
            format!("{target}strategy = \"weighted\"\nweights = [0]\n"),
            "models.m.weights: are all zero",
        ),
        (
            format!("{target}weights = [1]\n"),
            "models.m.weights: are set for another strategy",
        ),
        (
            format!("{target}price = {{ input = -1, output = 1 }}\n"),
            "models.m.price.input: is \"-1\"; wanted USD per million tokens",
        ),
        (
            format!("{target}price = {{ input = 0.0375, output = 1 }}\n"),
            "models.m.price.input: is \"0.0375\"; wanted at most three decimals",
        ),
        (
            format!("{target}price = {{ input = 1 }}\n"),
            "models.m.price.output: is not set",
        ),
        (
            format!("{target}price = {{ input = 1, output = 1, oputput = 2 }}\n"),
            "models.m.price.oputput: is no setting; wanted one of input, cached_input",
        ),
        (
            format!("{target}tragets = []\n"),
            "models.m.tragets: is no setting",
        ),
        (
            format!("{target}max_output_tokens = 0\n"),
            "models.m.max_output_tokens: is \"0\"",
        ),
    ] {
        let problems = problems_with_provider(&format!("[models.m]\n{text}"));
        assert_eq!(problems.len(), 1, "{text}{problems:#?}");
        assert!(problems[0].starts_with(said), "{problems:#?}");
    }
}

#[test]
fn the_relay_is_as_patient_as_the_file_says() {
    let relay = config_of_toml("[relay]\nidle_timeout = 30\ncommit_after = \"0s\"\n").relay;
    assert_eq!(relay.idle_timeout.as_secs(), 30);
    assert!(relay.commit_after.is_zero());
    assert_eq!(relay.max_attempts, 4);

    assert_eq!(
        problems_of_toml("[relay]\nmax_attempts = 0\nidle_timeout = [1]\n"),
        [
            "relay.idle_timeout: is a list or a table; wanted one value",
            "relay.max_attempts: is \"0\"; wanted a whole number from 1 to 100",
        ]
    );
}

#[test]
fn better_auth_is_one_issuer_for_each_kind_of_key() {
    let issuers = config(&[
        ("BETTER_AUTH_URL", "https://auth.example.com/"),
        ("BETTER_AUTH_SECRET", GOOD_SECRET),
        ("BETTER_AUTH_AUDIENCE", "a,b"),
    ])
    .issuers;

    let [published, shared] = &issuers[..] else {
        panic!("{issuers:?}");
    };
    let IssuerKeys::Jwks(url) = &published.keys else {
        panic!("{published:?}");
    };
    assert_eq!(url.as_str(), "https://auth.example.com/api/auth/jwks");
    assert_eq!(published.iss.as_deref(), Some("https://auth.example.com"));
    assert!(shared.sub_is_user_id && shared.iss.is_none());
    assert_eq!(shared.algorithms, ["HS256"]);
    assert_eq!(shared.audiences, ["a", "b"]);
    assert!(!published.trust_role && !shared.trust_role);
    assert_eq!(
        (published.name(), shared.name()),
        ("better-auth", "better-auth")
    );
    assert_eq!(
        problem(&[("BETTER_AUTH_SECRET", "short")]),
        "BETTER_AUTH_SECRET: has 5 bytes; wanted at least 32 bytes"
    );
}

#[test]
fn better_auth_issues_tokens_in_the_name_of_its_origin_and_for_it() {
    for (url, jwks) in [
        ("https://a.example", "https://a.example/api/auth/jwks"),
        (
            "https://a.example:443/api/auth/",
            "https://a.example/api/auth/jwks",
        ),
        (
            "https://a.example/app",
            "https://a.example/app/api/auth/jwks",
        ),
    ] {
        let issuers =
            config(&[("BETTER_AUTH_URL", url), ("BETTER_AUTH_TRUST_ROLE", "true")]).issuers;

        let [issuer] = &issuers[..] else {
            panic!("{issuers:?}");
        };
        assert_eq!(issuer.iss.as_deref(), Some("https://a.example"));
        assert_eq!(issuer.audiences, ["https://a.example"]);
        assert!(issuer.trust_role);
        let IssuerKeys::Jwks(found) = &issuer.keys else {
            panic!("{issuer:?}");
        };
        assert_eq!(found.as_str(), jwks);
    }
}

#[test]
fn keys_come_over_https_or_from_this_machine() {
    let wanted = "wanted an https:// address, or an http:// one of this machine";
    for bad in [
        "http://a.example",
        "http://localhost.evil.example",
        "http://10.0.0.1",
    ] {
        let said = problem(&[("BETTER_AUTH_URL", bad)]);
        assert!(
            said.starts_with("BETTER_AUTH_URL: ") && said.ends_with(wanted),
            "{said}"
        );
        let toml = format!("[[issuers]]\niss = \"a\"\njwks_url = \"{bad}\"\naudiences = [\"b\"]\n");
        let said = problems_of_toml(&toml).remove(0);
        assert!(
            said.starts_with("issuers.jwks_url: ") && said.ends_with(wanted),
            "{said}"
        );
    }
    for good in [
        "http://localhost:3000",
        "http://127.0.0.1:3000",
        "http://[::1]:3000",
    ] {
        assert_eq!(config(&[("BETTER_AUTH_URL", good)]).issuers.len(), 1);
    }
}

#[test]
fn whose_a_token_is_is_clear_from_its_issuer() {
    let issuer = |iss: &str| {
        format!("[[issuers]]\niss = \"{iss}\"\njwks_url = \"https://a\"\naudiences = [\"b\"]\n")
    };
    for (text, said) in [
        (issuer("x") + &issuer("x"), "issuers: names x twice"),
        (
            issuer("better-auth"),
            "issuers: names one better-auth, as the short form is called",
        ),
        (
            format!("BETTER_AUTH_URL = \"https://x\"\n{}", issuer("https://x")).to_lowercase(),
            "issuers: names https://x twice",
        ),
    ] {
        let problems = problems_of_toml(&text);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].starts_with(said), "{problems:#?}");
    }
    assert_eq!(
        config_of_toml(&(issuer("x") + &issuer("y"))).issuers.len(),
        2
    );
}

#[test]
fn an_issuer_has_a_name_and_one_kind_of_key() {
    let issuers = config_of_toml(
        "[[issuers]]\niss = \"https://idp\"\njwks_url = \"https://idp/jwks\"\n\
         audiences = [\"api\"]\nalgorithms = [\"ES256\"]\ntrust_role = true\n",
    )
    .issuers;
    assert_eq!(issuers[0].algorithms, ["ES256"]);
    assert!(issuers[0].trust_role && !issuers[0].sub_is_user_id);

    for (text, said) in [
        (
            "iss = \"a\"\naudiences = [\"b\"]\n",
            "issuers.jwks_url: is not set",
        ),
        (
            "jwks_url = \"https://a\"\naudiences = [\"b\"]\n",
            "issuers.iss: is not set",
        ),
        (
            "iss = \"a\"\njwks_url = \"https://a\"\n",
            "issuers.audiences: is not set",
        ),
        (
            "iss = \"a\"\naudiences = [\"b\"]\njwks_url = \"https://a\"\nnmae = 1\n",
            "issuers.nmae: is no setting",
        ),
        (
            "iss = \"a\"\naudiences = [\"b\"]\njwks_url = \"https://a\"\nalgorithms = [\"HS256\"]\n",
            "issuers.algorithms: holds \"HS256\"; wanted some of EdDSA",
        ),
    ] {
        let problems = problems_of_toml(&format!("[[issuers]]\n{text}"));
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].starts_with(said), "{problems:#?}");
    }
}
