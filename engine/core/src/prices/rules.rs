//! Rules by which a name in a log leads to a name in the table. Each changes one thing and says so.
//!
//! A rule may only take away what does not change the model, or write the same model's name
//! another way. What could be a different model (`-mini`, `-max`, `-thinking` outside Claude, a
//! version digit) is left alone.

use super::PriceTable;

/// One way to write a model's name differently. Reports show [`Rule::name`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rule {
    /// `Claude-Sonnet-4-5` → `claude-sonnet-4-5`.
    Case,
    /// `k2p6` → `moonshot/kimi-k2.6`: names that an agent made up, listed one by one.
    Alias,
    /// `models/gemini-2.5-pro`, `arn:aws:bedrock:…/anthropic.claude-…`: a path's last part.
    Path,
    /// `github-copilot/…` → `github_copilot/…`: another spelling of a provider.
    ProviderSpelling,
    /// `claude-sonnet-4-5[1m]`, `gpt-5 (high)`, `gpt-5-high`, `claude-opus-4-5-thinking`: how hard
    /// the model was asked to think, or with how long a context. Not a model of its own.
    Mode,
    /// `claude-opus-4-6-fast` → the same model, its fast variant's price.
    Fast,
    /// `claude-sonnet-4-5@20250929` → `claude-sonnet-4-5-20250929`; `@default` → without.
    At,
    /// `…-v1:0`: Bedrock's revision.
    Revision,
    /// `us.anthropic.…` → `anthropic.…`: the region that a cloud ran it in.
    Region,
    /// `anthropic.claude-…` → `claude-…`: the vendor as a cloud writes it.
    Vendor,
    /// `claude-sonnet-4.5` → `claude-sonnet-4-5`; `claude-4.5-sonnet`, `claude-opus-45` likewise.
    ClaudeSpelling,
    /// `claude-3-5-sonnet-latest` → without `-latest`.
    Latest,
    /// `gpt-5-2025-08-07` → `gpt-5`.
    WithoutDate,
    /// `claude-sonnet-4` → `claude-sonnet-4-20250514`, where all dated ones cost the same.
    WithDate,
    /// `openrouter/…`, `anthropic/…`: without the provider through which it was called.
    Provider,
    /// `my-gateway/claude-…`: as above, an unknown provider of a model that only one vendor makes.
    UnknownProvider,
    /// `kimi-k2.6` → `moonshot/kimi-k2.6`: the price of who makes it.
    Maker,
}

impl Rule {
    /// All rules, in the order in which they are tried.
    pub const ALL: [Self; 17] = [
        Self::Case,
        Self::Alias,
        Self::Path,
        Self::ProviderSpelling,
        Self::Mode,
        Self::Fast,
        Self::At,
        Self::Revision,
        Self::Region,
        Self::Vendor,
        Self::ClaudeSpelling,
        Self::Latest,
        Self::WithoutDate,
        Self::WithDate,
        Self::Provider,
        Self::UnknownProvider,
        Self::Maker,
    ];

    /// What reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Case => "lower case",
            Self::Alias => "alias",
            Self::Path => "last part of the path",
            Self::ProviderSpelling => "provider's spelling",
            Self::Mode => "without the mode",
            Self::Fast => "fast variant",
            Self::At => "date after @",
            Self::Revision => "without the revision",
            Self::Region => "without the region",
            Self::Vendor => "without the vendor",
            Self::ClaudeSpelling => "Claude's spelling",
            Self::Latest => "without -latest",
            Self::WithoutDate => "without the date",
            Self::WithDate => "with the date",
            Self::Provider => "without the provider",
            Self::UnknownProvider => "without an unknown provider",
            Self::Maker => "maker's price",
        }
    }

    /// The names that this rule makes of `name`.
    pub(super) fn apply(self, name: &str, table: &PriceTable) -> Option<String> {
        match self {
            Self::Case => {
                let lower = name.to_ascii_lowercase();
                (lower != name).then_some(lower)
            }
            Self::Alias => ALIASES.iter().find(|(from, _)| *from == name).map(|(_, to)| (*to).to_owned()),
            Self::Path => path(name),
            Self::ProviderSpelling => provider_spelling(name),
            Self::Mode => mode(name).map(str::to_owned),
            Self::Fast => one_vendor(name).then_some(name)?.strip_suffix("-fast").map(str::to_owned),
            Self::At => at(name),
            Self::Revision => revision(name).map(str::to_owned),
            Self::Region => region(name).map(str::to_owned),
            Self::Vendor => ["anthropic.", "openai."].iter().find_map(|v| name.strip_prefix(v)).map(str::to_owned),
            Self::ClaudeSpelling => claude_spelling(name),
            Self::Latest => one_vendor(name).then_some(name)?.strip_suffix("-latest").map(str::to_owned),
            Self::WithoutDate => date(name).map(|(before, _)| before.to_owned()),
            Self::WithDate => with_date(name, table),
            Self::Provider => {
                let (provider, model) = name.split_once('/')?;
                PROVIDERS.contains(&provider).then(|| model.to_owned())
            }
            Self::UnknownProvider => {
                let model = name.rsplit_once('/')?.1;
                let is_unknown = !PROVIDERS.contains(&name.split_once('/')?.0);
                (is_unknown && one_vendor(model)).then(|| model.to_owned())
            }
            Self::Maker => {
                let maker = MAKERS.iter().find(|(family, _)| name.starts_with(family))?.1;
                (!name.contains('/')).then(|| format!("{maker}/{name}"))
            }
        }
    }
}

/// Names that agents made up.
const ALIASES: [(&str, &str); 5] = [
    ("k2p5", "moonshot/kimi-k2.5"),
    ("k2p6", "moonshot/kimi-k2.6"),
    ("gemini-3-pro", "gemini-3-pro-preview"),
    ("gemini-3-flash", "gemini-3-flash-preview"),
    ("gemini-3.1-pro", "gemini-3.1-pro-preview"),
];

/// Providers, as agents write them, through which a model is called at about its maker's price.
const PROVIDERS: [&str; 45] = [
    "aimlapi",
    "amazon-bedrock",
    "anthropic",
    "azure",
    "azure-openai",
    "azure_ai",
    "bedrock",
    "chatgpt",
    "claude-code",
    "codex",
    "copilot",
    "deepseek",
    "deepseek-ai",
    "gemini",
    "gemini-cli",
    "github-copilot",
    "github_copilot",
    "google",
    "google-vertex",
    "google-vertex-anthropic",
    "litellm",
    "meta-llama",
    "minimax",
    "mistral",
    "mistralai",
    "moonshot",
    "moonshotai",
    "openai",
    "openai-codex",
    "opencode",
    "opencode-go",
    "opencode-zen",
    "opencode_go",
    "openrouter",
    "qwen",
    "requesty",
    "vercel",
    "vercel_ai_gateway",
    "vertex",
    "vertex_ai",
    "x-ai",
    "xai",
    "z-ai",
    "zai",
    "zai-org",
];

/// Agents' words for providers, and LiteLLM's.
const SPELLINGS: [(&str, &str); 16] = [
    ("amazon-bedrock", "bedrock"),
    ("azure-openai", "azure"),
    ("deepseek-ai", "deepseek"),
    ("google", "gemini"),
    ("google-vertex", "vertex_ai"),
    ("google-vertex-anthropic", "vertex_ai"),
    ("kimi-for-coding", "moonshot"),
    ("mistralai", "mistral"),
    ("moonshotai", "moonshot"),
    ("qwen", "dashscope"),
    ("vercel", "vercel_ai_gateway"),
    ("x-ai", "xai"),
    ("z-ai", "zai"),
    ("zai-coding-plan", "zai"),
    ("zai-org", "zai"),
    ("zhipuai", "zai"),
];

/// Who makes models of a family, and sells them under that provider's name in the table.
const MAKERS: [(&str, &str); 13] = [
    ("codestral-", "mistral"),
    ("deepseek-", "deepseek"),
    ("devstral-", "mistral"),
    ("gemini-", "gemini"),
    ("glm-", "zai"),
    ("grok-", "xai"),
    ("kimi-", "moonshot"),
    ("magistral-", "mistral"),
    ("minimax-", "minimax"),
    ("MiniMax-", "minimax"),
    ("mistral-", "mistral"),
    ("qwen-", "dashscope"),
    ("qwen3", "dashscope"),
];

/// Whether the name is of a family that one vendor makes and nobody else can serve.
fn one_vendor(name: &str) -> bool {
    let closed = ["claude-", "gemini-", "gpt-3.5-", "gpt-4", "gpt-5", "gpt-6", "codex-"];
    let o_series = || name.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    closed.iter().any(|family| name.starts_with(family)) || o_series()
}

fn path(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("models/") {
        return Some(rest.to_owned());
    }
    let is_path = ["arn:", "projects/", "publishers/"].iter().any(|start| name.starts_with(start));
    is_path.then_some(name)?.rsplit_once('/').map(|(_, last)| last.to_owned())
}

fn provider_spelling(name: &str) -> Option<String> {
    let (provider, model) = name.split_once('/')?;
    let listed = SPELLINGS.iter().find(|(from, _)| *from == provider).map(|(_, to)| (*to).to_owned());
    let spelled = listed.or_else(|| provider.contains('-').then(|| provider.replace('-', "_")))?;
    Some(format!("{spelled}/{model}"))
}

fn mode(name: &str) -> Option<&str> {
    for (open, close) in [('[', ']'), ('(', ')')] {
        if let Some(inside) = name.strip_suffix(close) {
            return inside.rsplit_once(open).map(|(before, _)| before.trim_end());
        }
    }
    let model = name.rsplit_once('/').map_or(name, |(_, model)| model);
    let mut suffixes = if model.starts_with("claude-") { vec!["-thinking", ":thinking"] } else { Vec::new() };
    if one_vendor(model) {
        suffixes.extend(["-minimal", "-low", "-medium", "-high", "-xhigh"]);
    }
    suffixes.iter().find_map(|suffix| name.strip_suffix(suffix))
}

fn at(name: &str) -> Option<String> {
    let (before, after) = name.split_once('@')?;
    match after {
        "default" | "latest" => Some(before.to_owned()),
        _ => is_date(after).then(|| format!("{before}-{after}")),
    }
}

fn revision(name: &str) -> Option<&str> {
    let (before, after) = name.rsplit_once("-v")?;
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let (major, minor) = after.split_once(':').unwrap_or((after, "0"));
    // `deepseek-v3` is a model: only Claude's ids drop `-v1` without a minor revision.
    let is_revision = after.contains(':') || before.contains("claude-");
    (is_revision && digits(major) && digits(minor)).then_some(before)
}

fn region(name: &str) -> Option<&str> {
    let (region, rest) = name.split_once('.')?;
    let known = ["us", "eu", "apac", "global", "jp", "au", "ca", "us-gov"].contains(&region);
    (known && rest.contains('.')).then_some(rest)
}

fn claude_spelling(name: &str) -> Option<String> {
    let at = name.find("claude-")?;
    let (before, model) = name.split_at(at);
    let dashed = model.replace('.', "-");
    let words: Vec<&str> = dashed.split('-').skip(1).collect();
    let is_family = |word: &str| ["haiku", "sonnet", "opus"].contains(&word);
    let is_digit = |word: &str| word.len() == 1 && word.as_bytes()[0].is_ascii_digit();
    let spelled = match words.as_slice() {
        // Up to Claude 3 the version stands before the family, from 4 on behind it.
        [major, minor, family, rest @ ..]
            if is_digit(major) && is_digit(minor) && is_family(family) && *major > "3" =>
        {
            [&[*family, *major, *minor], rest].concat()
        }
        [major, family, rest @ ..] if is_digit(major) && is_family(family) && *major > "3" => {
            [&[*family, *major], rest].concat()
        }
        [family, major, minor, rest @ ..] if is_family(family) && *major == "3" && is_digit(minor) => {
            [&[*major, *minor, *family], rest].concat()
        }
        [family, version, rest @ ..]
            if is_family(family) && version.len() == 2 && version.bytes().all(|b| b.is_ascii_digit()) =>
        {
            let (major, minor) = version.split_at(1);
            [&[*family, major, minor], rest].concat()
        }
        _ => words,
    };
    let spelled = format!("{before}claude-{}", spelled.join("-"));
    (spelled != name).then_some(spelled)
}

fn with_date(name: &str, table: &PriceTable) -> Option<String> {
    let prefix = format!("{name}-2");
    let dated = table.starting_with(&prefix).filter(|found| date(found).is_some_and(|(before, _)| before == name));
    let mut newest: Option<(&str, super::Prices)> = None;
    for found in dated {
        let Some(super::table::Found::Prices(prices, _)) = table.exact(found, false) else { continue };
        match &newest {
            Some((_, other)) if *other != prices => return None,
            _ => newest = Some((found, prices)),
        }
    }
    newest.map(|(found, _)| found.to_owned())
}

/// Splits `gpt-5-2025-08-07` or `claude-sonnet-4-20250514` into name and date.
fn date(name: &str) -> Option<(&str, &str)> {
    for length in [8, 10] {
        let Some(at) = name.len().checked_sub(length + 1) else { continue };
        if let (Some(before), Some(after)) = (name.get(..at), name.get(at..))
            && let Some(after) = after.strip_prefix('-')
            && is_date(after)
        {
            return Some((before, after));
        }
    }
    None
}

fn is_date(text: &str) -> bool {
    let digits = text.replace('-', "");
    let dashes_fit = text.len() == 8 || text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    dashes_fit && digits.len() == 8 && digits.starts_with("20") && digits.bytes().all(|b| b.is_ascii_digit())
}
