package chat_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/model/chat"
)

// cases is testdata/cases.json: small templates and what Python's Jinja2 makes of them.
type cases struct {
	Variables json.RawMessage
	Cases     []struct {
		Template      string
		Text          *string
		Kind, Message string
		Line          int
	}
}

func loadCases(t testing.TB) cases {
	t.Helper()
	raw, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var c cases
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// input gives a template the variables as generate.py does.
func (c cases) input(t testing.TB) chat.Input {
	t.Helper()
	var args map[string]json.RawMessage
	if err := json.Unmarshal(c.Variables, &args); err != nil {
		t.Fatal(err)
	}
	messages := args["messages"]
	delete(args, "messages")
	raw, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	return chat.Input{
		Messages:            string(messages),
		Args:                string(raw),
		AddGenerationPrompt: true,
		Special:             map[string]string{"bos_token": "<s>", "eos_token": "</s>"},
		Now:                 time.Date(2024, 7, 6, 15, 4, 5, 60_000, time.UTC),
	}
}

func render(source string, in chat.Input) (string, error) {
	tmpl, err := chat.Parse(source)
	if err != nil {
		return "", err
	}
	return tmpl.Render(in)
}

// messages of these errors are Jinja's own, and ours; other exceptions are Python's, of which only the class is compared.
var ownMessages = []string{"TemplateError", "UndefinedError", "SecurityError", "TemplateRuntimeError"}

// TestCases compares text to the byte, and of errors the class, the line and where it is Jinja's own the message.
func TestCases(t *testing.T) {
	c := loadCases(t)
	in := c.input(t)
	for _, want := range c.Cases {
		text, err := render(want.Template, in)
		if want.Text != nil {
			if err != nil {
				t.Errorf("%q: %v; want %q", want.Template, err, *want.Text)
			} else if text != *want.Text {
				t.Errorf("%q:\n got %q\nwant %q", want.Template, text, *want.Text)
			}
			continue
		}
		var got *chat.Error
		switch {
		case !errors.As(err, &got):
			t.Errorf("%q: got %q, %v; want %s: %s", want.Template, text, err, want.Kind, want.Message)
		case want.Kind == "SyntaxError" || want.Kind == "TemplateAssertionError":
			want.Kind, want.Line = "TemplateSyntaxError", got.Line
			fallthrough
		default:
			if got.Kind != want.Kind || got.Line != want.Line || slices.Contains(ownMessages, want.Kind) && got.Message != want.Message {
				t.Errorf("%q: got %v; want line %d: %s: %s", want.Template, got, want.Line, want.Kind, want.Message)
			}
		}
	}
}
