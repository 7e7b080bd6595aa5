"""Places on a disk that tools must not read or write, as data. The path guard (paths.py) looks resolved paths up in them."""

from __future__ import annotations

# Below the home folder: where programs keep keys, tokens and passwords. Never read, never written.
CREDENTIALS = (
    ".ssh", ".gnupg", ".aws", ".azure", ".config/gcloud", ".config/gh", ".config/hub", ".config/op", ".kube",
    ".docker/config.json", ".netrc", ".git-credentials", ".config/git/credentials", ".npmrc", ".pypirc",
    ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".m2/settings.xml",
    ".terraform.d/credentials.tfrc.json", ".vault-token", ".password-store", ".pgpass", ".my.cnf",
    ".local/share/keyrings", ".config/rclone", ".config/age", ".config/sops", ".mozilla", ".thunderbird",
    ".config/google-chrome", ".config/chromium", ".config/BraveSoftware", ".config/microsoft-edge",
    "Library/Keychains", "Library/Application Support/Google/Chrome", "Library/Application Support/Firefox",
    "Library/Cookies", ".config/Signal", ".electrum", ".bitcoin", ".ethereum", ".claude/.credentials.json",
    ".codex/auth.json", ".config/anthropic", ".config/openai", ".bash_history", ".zsh_history", ".python_history",
    ".psql_history", ".mysql_history",
)  # fmt: skip
# Below the home folder: what runs by itself at log-in, in a shell or under a schedule. May be read, never written.
AUTOSTART = (
    ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".zshrc", ".zshenv",
    ".zprofile", ".zlogin", ".zlogout", ".inputrc", ".kshrc", ".cshrc", ".tcshrc", ".login", ".xinitrc",
    ".xprofile", ".xsession", ".xsessionrc", ".pam_environment", ".config/fish", ".config/autostart",
    ".config/systemd", ".config/environment.d", ".config/plasma-workspace", ".local/share/systemd",
    ".config/direnv", ".vimrc", ".exrc", ".config/nvim", ".emacs", ".emacs.d", ".gitconfig", ".config/git",
    ".tmux.conf", ".screenrc", ".pythonrc", ".config/pip", ".pip", ".condarc", ".yarnrc", ".config/npm",
    ".local/bin", "bin", ".termux", "Library/LaunchAgents", "Library/LaunchDaemons", ".ipython", ".jupyter",
    ".gdbinit", ".lldbinit", ".irbrc", ".Rprofile", ".selected_editor", ".hushlogin", ".local/share/applications",
)  # fmt: skip
# The machine's own folders: never written.
SYSTEM = (
    "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/boot", "/sys", "/proc", "/dev", "/run",
    "/var/spool/cron", "/var/lib", "/opt", "/root/.ssh", "/System", "/Library", "/private/etc", "/private/var/at",
)  # fmt: skip
# Never read: secrets of the machine, other processes' memory and environment, and devices that answer for ever.
SYSTEM_SECRETS = (
    "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssh", "/etc/ssl/private",
    "/etc/NetworkManager/system-connections", "/var/lib/systemd/random-seed", "/dev", "/sys/kernel", "/proc/kcore",
    "/proc/kmem", "/run/secrets", "/private/etc/master.passwd", "/var/db/dslocal",
)  # fmt: skip
# /proc/<pid>/…: what shows another process's secrets, or leads around the guard to other files.
PROC_SECRETS = frozenset({
    "environ", "mem", "maps", "smaps", "fd", "root", "cwd", "task", "map_files", "auxv", "stack", "syscall",
    "pagemap", "cmdline",
})  # fmt: skip
# Devices that are harmless to name.
HARMLESS_DEVICES = frozenset({
    "/dev/null", "/dev/zero", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/tty",
})  # fmt: skip
# By file name, anywhere: keys and secrets inside a project. A person is asked before they are read.
SECRET_NAMES = (
    ".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "id_rsa", "id_dsa", "id_ecdsa",
    "id_ed25519", "*.kdbx", ".htpasswd", "credentials.json", "client_secret*.json", "service-account*.json",
    "secrets.yml", "secrets.yaml", ".netrc", ".npmrc", ".pypirc", ".git-credentials", "*.ovpn", "terraform.tfstate",
    "*.tfvars",
)  # fmt: skip
# Names that look like those and hold none.
NOT_SECRET = (".env.example", ".env.sample", ".env.template", ".env.dist", "*.pub.pem")
# In any project: files that other programs run by themselves. A person is asked before they are written.
RUNS_BY_ITSELF = (
    ".envrc", ".vscode", ".idea", ".husky", ".github/workflows", ".gitlab-ci.yml", ".pre-commit-config.yaml",
    ".devcontainer", ".claude", ".mcp.json", ".cursor", "sitecustomize.py", "usercustomize.py",
)  # fmt: skip
# Below the profile: what a tool may read. All else of alpi's own home is neither read nor written by any tool.
OWN_READABLE = (
    "memory", "skills",
)  # fmt: skip
