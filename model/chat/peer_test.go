package chat_test

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/chat"
)

// A peerCase is one rendering that testdata/peer.py is asked for.
type peerCase struct {
	Template int               `json:"template"`
	Messages json.RawMessage   `json:"messages"`
	Tools    json.RawMessage   `json:"tools"`
	Args     json.RawMessage   `json:"args"`
	Prompt   bool              `json:"add_generation_prompt"`
	Special  map[string]string `json:"special"`
}

type peerOutcome struct {
	Text          *string
	Kind, Message string
}

// peer renders with transformers itself; trl asks for the templates that TRL brings along.
func peer(t *testing.T, templates []string, cases []peerCase, trl bool) (outcomes []peerOutcome, found map[string]string) {
	t.Helper()
	var out struct {
		Found    map[string]string
		Outcomes []peerOutcome
	}
	tol.Ask(t, filepath.Join("testdata", "peer.py"), map[string]any{"templates": templates, "cases": cases, "trl": trl}, &out)
	if len(out.Outcomes) != len(cases) {
		t.Fatalf("%d outcomes of %d cases", len(out.Outcomes), len(cases))
	}
	return out.Outcomes, out.Found
}

// outcome renders a case as peer.py does.
func outcome(t *testing.T, source string, c peerCase) (text string, err error) {
	t.Helper()
	in := chat.Input{
		Messages: string(c.Messages), Args: string(c.Args), AddGenerationPrompt: c.Prompt, Special: c.Special,
		Now: time.Date(2024, 7, 6, 15, 4, 5, 60_000, time.UTC),
	}
	if string(c.Tools) != "null" {
		in.Tools = string(c.Tools)
	}
	return render(source, in)
}

// differs says how our outcome differs from the peer's, or "". Both may fail: then the class of the exception is compared, and the
// message where it is Jinja's or the template's own. Text with an address in memory differs at every run, and is refused here.
func differs(want peerOutcome, text string, err error) string {
	var e *chat.Error
	failed := errors.As(err, &e)
	switch {
	case want.Text != nil && strings.Contains(*want.Text, " at 0x"):
		if !failed || e.Kind != "TypeError" {
			return "want an error for an address in memory"
		}
	case want.Text != nil && err != nil:
		return "got " + err.Error() + "\nwant " + *want.Text
	case want.Text != nil && text != *want.Text:
		return "got  " + text + "\nwant " + *want.Text
	case want.Text == nil && err == nil:
		return "got " + text + "\nwant " + want.Kind + ": " + want.Message
	case want.Text == nil && failed:
		if e.Kind != want.Kind || slices.Contains(ownMessages, want.Kind) && e.Message != want.Message {
			return "got " + err.Error() + "\nwant " + want.Kind + ": " + want.Message
		}
	case want.Text == nil && !errors.Is(err, chat.ErrInput):
		return "got " + err.Error() + "\nwant " + want.Kind + ": " + want.Message
	}
	return ""
}

// TestRealTemplates renders templates of real models with conversations of every kind, as they are and with the generation prompt.
func TestRealTemplates(t *testing.T) {
	_, named := peer(t, nil, nil, true)
	if len(named) < 50 {
		t.Errorf("TRL brings %d templates along", len(named))
	}
	maps.Copy(named, goldenTemplates(t))
	maps.Copy(named, configTemplates(t))
	names := slices.Sorted(maps.Keys(named))
	var templates []string
	for _, name := range names {
		templates = append(templates, named[name])
	}
	raw, err := os.ReadFile("testdata/conversations.json")
	if err != nil {
		t.Fatal(err)
	}
	var conversations []conversation
	if err := json.Unmarshal(raw, &conversations); err != nil {
		t.Fatal(err)
	}
	k := talker{rand.New(rand.NewPCG(peerSeed, 1))}
	var cases []peerCase
	for i := range templates {
		own := slices.Clone(conversations)
		for range 12 {
			own = append(own, k.converse(t))
		}
		for _, c := range own {
			for _, prompt := range []bool{false, true} {
				cases = append(cases, peerCase{i, c.Messages, c.Tools, c.Args, prompt, map[string]string{"bos_token": "<s>", "eos_token": "</s>"}})
			}
		}
	}
	want, _ := peer(t, templates, cases, false)
	texts := 0
	for i, c := range cases {
		text, err := outcome(t, templates[c.Template], c)
		if d := differs(want[i], text, err); d != "" {
			t.Errorf("%s, prompt %v, %s\ntools %s, args %s\n%s", names[c.Template], c.Prompt, c.Messages, c.Tools, c.Args, d)
		}
		if err == nil {
			texts++
		}
	}
	t.Logf("%d templates, %d renderings, %d of them errors", len(templates), len(cases), len(cases)-texts)
}

func goldenTemplates(t *testing.T) map[string]string {
	raw, err := os.ReadFile(tol.Golden(t, "chat/chat_templates.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Templates []struct{ Name, Template string }
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, g := range golden.Templates {
		out["golden "+g.Name] = g.Template
	}
	return out
}

// configTemplates are those of the tokenizers below STEELYARD_TOKENIZERS, if it is set.
func configTemplates(t *testing.T) map[string]string {
	out := map[string]string{}
	paths, _ := filepath.Glob(filepath.Join(os.Getenv("STEELYARD_TOKENIZERS"), "*", "tokenizer_config.json"))
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			Template any `json:"chat_template"`
		}
		if err := json.Unmarshal(raw, &config); err != nil {
			t.Fatal(err)
		}
		if one, ok := config.Template.(string); ok {
			out["tokenizer "+filepath.Base(filepath.Dir(path))] = one
		}
	}
	return out
}

// peerSeed begins the random templates and conversations; another one makes others.
const peerSeed = 1

// TestRandomTemplates renders templates made at random from a grammar of what chat templates use.
func TestRandomTemplates(t *testing.T) {
	in := loadCases(t).input(t)
	var templates []string
	var cases []peerCase
	g := &grammar{r: rand.New(rand.NewPCG(peerSeed, 0))}
	for i := range 2000 {
		templates = append(templates, g.template())
		cases = append(cases, peerCase{i, json.RawMessage(in.Messages), json.RawMessage("null"), json.RawMessage(in.Args), true, in.Special})
	}
	want, _ := peer(t, templates, cases, false)
	texts := 0
	for i, c := range cases {
		text, err := outcome(t, templates[i], c)
		if d := differs(want[i], text, err); d != "" {
			t.Errorf("%q\n%s", templates[i], d)
		}
		if err == nil {
			texts++
		}
	}
	if texts < len(cases)/2 {
		t.Errorf("only %d of %d templates have a text: the grammar makes too many errors", texts, len(cases))
	}
	t.Logf("%d templates, %d of them errors", len(cases), len(cases)-texts)
}
