package chat_test

import (
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/chat"
)

// TestGoldens renders real templates as Jinja2 3.1.6 rendered them for transformers.
func TestGoldens(t *testing.T) {
	raw, err := os.ReadFile(tol.Golden(t, "chat/chat_templates.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Conversations []map[string]json.RawMessage
		Templates     []struct {
			Name, Template string
			BOS            string `json:"bos_token"`
			EOS            string `json:"eos_token"`
			Expected       []struct{ Text, Error *string }
		}
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	rendered, failed := 0, 0
	for _, g := range golden.Templates {
		t.Run(g.Name, func(t *testing.T) {
			tmpl, err := chat.Parse(g.Template)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range g.Expected {
				c := golden.Conversations[i]
				args := map[string]json.RawMessage{}
				for key, value := range c {
					if key != "messages" && key != "tools" && key != "add_generation_prompt" {
						args[key] = value
					}
				}
				rawArgs, _ := json.Marshal(args)
				text, err := tmpl.Render(chat.Input{
					Args:                string(rawArgs),
					Messages:            string(c["messages"]),
					Tools:               string(c["tools"]),
					AddGenerationPrompt: string(c["add_generation_prompt"]) == "true",
					Special:             map[string]string{"bos_token": g.BOS, "eos_token": g.EOS},
					Now:                 time.Date(2024, 7, 26, 12, 0, 0, 0, time.UTC),
				})
				if want.Text == nil {
					failed++
					var e *chat.Error
					if !errors.As(err, &e) || e.Kind+":"+e.Message != *want.Error {
						t.Errorf("conversation %d: got %q, %v; want the error %s", i, text, err, *want.Error)
					}
					continue
				}
				rendered++
				if err != nil {
					t.Errorf("conversation %d: %v", i, err)
				} else if text != *want.Text {
					t.Errorf("conversation %d:\n got %q\nwant %q", i, text, *want.Text)
				}
			}
		})
	}
	if rendered == 0 || failed == 0 {
		t.Errorf("%d renderings and %d failures compared", rendered, failed)
	}
	t.Logf("%d renderings, %d failures", rendered, failed)
}
