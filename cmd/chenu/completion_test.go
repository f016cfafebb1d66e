package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompletion requests completions as a shell does. The environment has no database and no variable, so the values
// come from the program.
func TestCompletion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeDir(t, dir, map[string]string{"1_first": "SELECT 1;", "2_second": "SELECT 2;"})
	for _, test := range []struct {
		args string // The text after the last space is the word being typed.
		want string
	}{
		{"m", "man\twrite the manual pages\nmigrate\tplan, review and apply migrations, and detect drift\n:4\n"},
		{"man ", ":16\n"},
		{"man man1 ", ":4\n"},
		{"migrate v", "validate\tcheck the migration directory without a database\n:4\n"},
		{"migrate validate --d", "--dir\tdirectory of the migration files; by default the migrations in this program\n:4\n"},
		{"migrate validate --dir ", ":16\n"},
		{"migrate apply ", ":4\n"},
		{"migrate apply --dir " + dir + " --to ", "2\tsecond\n1\tfirst\n:4\n"},
		{"migrate plan --dir " + dir + " --from 1", "1\tfirst\n:4\n"},
		{"migrate lint --dir nowhere --to ", ":4\n"},
		{"migrate plan --format ", "json\nmarkdown\ntext\n:4\n"},
		{"migrate lint --fail-on e", "error\n:4\n"},
		{"migrate lint --explain CN101", "CN101\tBuilding an index blocks writes\n:4\n"},
		{"migrate diagram --table personal_n", "personal_notes\n:4\n"},
		{"migrate diagram --table personal_notes --tab", "--table\tname of a table to include, as schema.name unless the schema is public; may be repeated; by default all tables\n:4\n"},
		{"migrate diagram --format m", "mermaid\nmarkdown\n:4\n"},
		{"policies show --table app.account_", "app.account_notices\napp.account_tokens\n:4\n"},
		{"policies show --role chenu_a", "chenu_agent\nchenu_app\nchenu_audit\nchenu_auditor\n:4\n"},
		{"policies explain --role ", "chenu_human\nchenu_agent\n:4\n"},
		{"policies explain --expect ", "allowed\nrefused\n:4\n"},
		{"policies explain --command=", "select\ninsert\nupdate\ndelete\n:4\n"},
		{"token --agent ", "new\n:4\n"},
		{"completion ", "bash\nzsh\nfish\n:4\n"},
		{"help migrate d", "diagram\tprint a diagram of the tables\ndiff\tplan the next migration from ent/schema and policies\ndrift\tcompare a database with its migrations\n:4\n"},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			env, _ := testEnvironment(t, nil)
			var out strings.Builder
			env.Stdout = &out
			code := run(t.Context(), append([]string{"__complete"}, strings.Split(test.args, " ")...), env)
			if code != exitOK || out.String() != test.want {
				t.Errorf("exits with %d and prints\n%s\nwant\n%s", code, &out, test.want)
			}
		})
	}
}

// TestCompletionOfVersions completes the versions of the migrations in the program.
func TestCompletionOfVersions(t *testing.T) {
	t.Parallel()
	head, err := embeddedHead()
	if err != nil {
		t.Fatal(err)
	}
	env, _ := testEnvironment(t, nil)
	var out strings.Builder
	env.Stdout = &out
	if code := run(t.Context(), []string{"__complete", "migrate", "apply", "--to", ""}, env); code != exitOK || !strings.HasPrefix(out.String(), head+"\t") {
		t.Errorf("exits with %d and prints\n%s\nwant version %s first", code, &out, head)
	}
}

// TestCompletionScripts prints the scripts, and has bash check the syntax of its script.
func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for shell, want := range map[string]string{"bash": "__start_chenu chenu", "zsh": "#compdef chenu", "fish": "complete -c chenu"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			env, out := testEnvironment(t, nil)
			if code := run(t.Context(), []string{"completion", shell}, env); code != exitOK || !strings.Contains(out.String(), want) {
				t.Fatalf("exits with %d and prints\n%s", code, out)
			}
			program, err := exec.LookPath(shell)
			if err != nil || shell == "fish" {
				return // Only the text of the script is checked.
			}
			file := filepath.Join(t.TempDir(), shell)
			if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if text, err := exec.CommandContext(t.Context(), program, "-n", file).CombinedOutput(); err != nil {
				t.Errorf("%s -n: %v\n%s", shell, err, text)
			}
		})
	}
	for _, args := range [][]string{{"completion"}, {"completion", "tcsh"}, {"completion", "bash", "zsh"}} {
		env, out := testEnvironment(t, nil)
		if code := run(t.Context(), args, env); code != exitUsage || !strings.Contains(out.String(), "use bash, zsh or fish") {
			t.Errorf("%v: exits with %d and prints\n%s", args, code, out)
		}
	}
}
