package checkpoint_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

func TestChatTemplates(t *testing.T) {
	type files map[string]string
	const config, jinja, additional, legacy = "tokenizer_config.json", "chat_template.jinja", "additional_chat_templates/", "chat_template.json"
	tests := []struct {
		name    string
		files   files
		want    checkpoint.Templates
		wantErr string // "" where there is none
	}{
		{"a file goes before the configuration", files{jinja: "file", config: `{"chat_template":"config"}`}, checkpoint.Templates{Default: "file"}, ""},
		{"and before named ones in it", files{jinja: "file", config: `{"chat_template":[{"name":"tool_use","template":"t"}]}`}, checkpoint.Templates{Default: "file"}, ""},
		{"configuration", files{config: `{"chat_template":"config"}`}, checkpoint.Templates{Default: "config"}, ""},
		{"named", files{config: `{"chat_template":[{"name":"tool_use","template":"t"},{"name":"rag","template":"r"},{"name":"default","template":"d"}]}`}, checkpoint.Templates{Default: "d", ToolUse: "t"}, ""},
		{"of two with one name the last", files{config: `{"chat_template":[{"name":"default","template":"d"},{"name":"default","template":"e"}]}`}, checkpoint.Templates{Default: "e"}, ""},
		{"an object", files{config: `{"chat_template":{"default":"d","tool_use":"t"}}`}, checkpoint.Templates{Default: "d", ToolUse: "t"}, ""},
		{"only for tools", files{config: `{"chat_template":[{"name":"tool_use","template":"t"}]}`}, checkpoint.Templates{ToolUse: "t"}, ""},
		{"files of their own", files{jinja: "file", additional + "tool_use.jinja": "t", additional + "rag.jinja": "r", additional + "README.md": "x"}, checkpoint.Templates{Default: "file", ToolUse: "t"}, ""},
		{"a named default goes before the file", files{jinja: "file", additional + "default.jinja": "d"}, checkpoint.Templates{Default: "d"}, ""},
		{"files hide the configuration", files{additional + "tool_use.jinja": "t", config: `{"chat_template":"config"}`}, checkpoint.Templates{ToolUse: "t"}, ""},
		{"an old processor's", files{legacy: `{"chat_template":"l"}`, config: `{"chat_template":null}`}, checkpoint.Templates{Default: "l"}, ""},
		{"the tokenizer's own goes before it", files{legacy: `{"chat_template":"l"}`, config: `{"chat_template":"config"}`}, checkpoint.Templates{Default: "config"}, ""},
		{"none", files{config: `{}`}, checkpoint.Templates{}, "no chat_template.jinja"},
		{"nothing", files{}, checkpoint.Templates{}, "no chat_template.jinja"},
		{"no default", files{config: `{"chat_template":[{"name":"rag","template":"r"}]}`}, checkpoint.Templates{}, `only ["rag"]`},
		{"an empty one", files{jinja: ""}, checkpoint.Templates{}, `only ["default"]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a[b]*") // as no pattern
			for name, text := range test.files {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, path, []byte(text))
			}
			got, err := checkpoint.ChatTemplates(dir)
			if got != test.want || errors.Is(err, checkpoint.ErrNoTemplate) != (test.wantErr != "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("got %+v, %v, want %+v, %q", got, err, test.want, test.wantErr)
			}
		})
	}
}

func TestBadTemplateFiles(t *testing.T) {
	for name, text := range map[string]string{
		"tokenizer_config.json": `{"chat_template":5}`,
		"chat_template.json":    `{"chat_template":["x"]}`,
		"chat_template.jinja":   "\xff",
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, name), []byte(text))
		if _, err := checkpoint.ChatTemplates(dir); err == nil || errors.Is(err, checkpoint.ErrNoTemplate) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want an error that names it", name, err)
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "tokenizer_config.json"), []byte(`{"chat_template":[{"name":"default"}]}`))
	if _, err := checkpoint.ChatTemplates(dir); err == nil || errors.Is(err, checkpoint.ErrNoTemplate) {
		t.Errorf("a name without a template: %v", err)
	}
}

// The digest of one template is that of its text, as caches have it; a second one changes it.
func TestTemplatesDigest(t *testing.T) {
	seen := map[string]checkpoint.Templates{}
	for _, templates := range []checkpoint.Templates{{}, {Default: "a"}, {ToolUse: "a"}, {Default: "a", ToolUse: "b"}, {Default: "b", ToolUse: "a"}, {Default: "a", ToolUse: "a"}, {Default: "ab"}} {
		if other, ok := seen[templates.Digest()]; ok {
			t.Errorf("%+v and %+v have one digest", templates, other)
		}
		seen[templates.Digest()] = templates
	}
	const sha256OfA = "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
	if got := (checkpoint.Templates{Default: "a"}).Digest(); got != sha256OfA {
		t.Errorf("digest %s, want %s", got, sha256OfA)
	}
	if got := (checkpoint.Templates{}).Digest(); got != "none" {
		t.Errorf("no template has the digest %s", got)
	}
}

// A saved model has the templates of the one it came from, or the one that took their place.
func TestSavedTemplates(t *testing.T) {
	d, c := open(t, tol.Golden(t, "models/llama"))
	from := t.TempDir()
	if err := checkpoint.Save(from, d, widened(t, d, c)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(from, "additional_chat_templates"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(from, "chat_template.jinja"), []byte("d"))
	write(t, filepath.Join(from, "additional_chat_templates", "tool_use.jinja"), []byte("t"))
	d, c = open(t, from)
	to := t.TempDir()
	if err := checkpoint.Save(to, d, widened(t, d, c)); err != nil {
		t.Fatal(err)
	}
	if got, err := checkpoint.ChatTemplates(to); err != nil || got != (checkpoint.Templates{Default: "d", ToolUse: "t"}) {
		t.Errorf("saved %+v, %v", got, err)
	}
	if err := checkpoint.SaveTemplate(to, "other"); err != nil {
		t.Fatal(err)
	}
	if got, err := checkpoint.ChatTemplates(to); err != nil || got != (checkpoint.Templates{Default: "other"}) {
		t.Errorf("saved %+v, %v in the place of both", got, err)
	}
}
