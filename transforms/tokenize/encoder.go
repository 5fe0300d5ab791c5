package tokenize

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/model/chat"
	"github.com/steelyard-ml/steelyard/model/tokenizer"
	"github.com/steelyard-ml/steelyard/schemas"
)

// A Boundary says what becomes of a pair whose prompt's tokens are no prefix of both sequences.
type Boundary string

// The boundary policies.
const (
	// Diverge lets both completions start at the longest prefix that the prompt and both sequences share, as TRL 1.16.0 does. What
	// is left of the prompt's own tokens belongs to neither.
	Diverge Boundary = "diverge"
	// Strict quarantines the row with code prompt_not_prefix.
	Strict Boundary = "strict"
)

// An Encoder turns a pair into token ids. It is safe for concurrent use.
type Encoder struct {
	Tokenizer *tokenizer.Tokenizer // may be nil where all pairs are token ids already
	Template  *chat.Template       // may be nil where no pair holds messages
	// ToolTemplate takes the place of Template for pairs with tools; nil is Template.
	ToolTemplate *chat.Template
	Date         time.Time // what the template gets for today

	MaxLength int      // tokens of prompt and completion together; 0 cuts nothing
	Boundary  Boundary // "" is Diverge
	Vocab     int      // ids the model knows, from 0; 0 checks nothing
	Positions int      // positions the model has; 0 checks nothing
	Identical Identical
}

// An Identical says what becomes of a pair whose chosen and rejected have the same tokens.
type Identical string

// The policies for identical completions.
const (
	Keep Identical = "keep" // scored and counted, as in TRL; the zero value means the same
	Drop Identical = "drop" // quarantined with code identical
)

// Encode returns the pair as token ids, or the row as it goes to quarantine and why. The quarantined row's Path is left to the
// caller.
func (e *Encoder) Encode(p schemas.Pair) (schemas.TokenPair, *schemas.Quarantined) {
	t := schemas.TokenPair{Source: p.Source, Meta: p.Meta, Raw: p.Raw}
	refuse := func(r *refusal) (schemas.TokenPair, *schemas.Quarantined) {
		return schemas.TokenPair{}, &schemas.Quarantined{Source: p.Source, Code: r.code, Reason: r.reason, Raw: p.Raw}
	}
	switch p.Kind {
	case schemas.KindTokens:
		t.PromptIDs, t.ChosenIDs, t.RejectedIDs = p.PromptIDs, p.ChosenIDs, p.RejectedIDs
	case schemas.KindText, schemas.KindChat:
		whole := e.text
		if p.Kind == schemas.KindChat {
			whole = e.chat
		}
		prompt, chosen, rejected, r := whole(p)
		if r != nil {
			return refuse(r)
		}
		n := min(sharedPrefix(prompt, chosen), sharedPrefix(prompt, rejected))
		if t.Diverged = n < len(prompt); t.Diverged && e.Boundary == Strict {
			return refuse(e.notPrefix(prompt, n))
		}
		t.PromptIDs = slices.Clip(prompt[:n])
		t.ChosenIDs, t.RejectedIDs = slices.Clone(chosen[n:]), slices.Clone(rejected[n:])
	default:
		return refuse(&refusal{schemas.CodeUnknownLayout, "the pair is neither text nor messages nor token ids"})
	}
	if r := e.check(&t); r != nil {
		return refuse(r)
	}
	t.ID = cache.PairID(t.PromptIDs, t.ChosenIDs, t.RejectedIDs)
	return t, nil
}

// A refusal is why a row can't be scored.
type refusal struct {
	code   schemas.Code
	reason string
}

// text returns the ids of the prompt and of the prompt with each completion.
func (e *Encoder) text(p schemas.Pair) (prompt, chosen, rejected []int32, r *refusal) {
	if e.Tokenizer == nil {
		return nil, nil, nil, &refusal{schemas.CodeBadField, "the row is text, and there is no tokenizer: name the model's directory"}
	}
	eos, _, ok := e.Tokenizer.EOS()
	if !ok {
		return nil, nil, nil, &refusal{schemas.CodeBadField,
			"a plain-text completion ends in the tokenizer's eos_token, and tokenizer_config.json names none: add it there"}
	}
	ended := func(s string) string {
		if strings.HasSuffix(s, eos) {
			return s
		}
		return s + eos
	}
	return e.Tokenizer.Encode(p.Prompt, true),
		e.Tokenizer.Encode(p.Prompt+ended(p.Chosen), true),
		e.Tokenizer.Encode(p.Prompt+ended(p.Rejected), true), nil
}

// chat returns the ids of the rendered prompt and of the renderings with each completion.
func (e *Encoder) chat(p schemas.Pair) (prompt, chosen, rejected []int32, r *refusal) {
	switch {
	case e.Tokenizer == nil:
		return nil, nil, nil, &refusal{schemas.CodeBadField, "the row is a chat, and there is no tokenizer: name the model's directory"}
	}
	template := e.Template
	if p.Tools != "" && e.ToolTemplate != nil {
		template = e.ToolTemplate
	}
	if template == nil {
		what := "chat template"
		if e.ToolTemplate != nil {
			what += " for rows without tools"
		}
		return nil, nil, nil, &refusal{schemas.CodeTemplateError,
			"the row is a chat, and the model has no " + what + ": give one with --chat-template FILE, or plain text as prompt, chosen and rejected"}
	}
	in := chat.Input{Tools: p.Tools, Args: p.TemplateArgs, Special: e.Tokenizer.SpecialTokens(), Now: e.Date}
	encode := func(side, messages string, generation bool) []int32 {
		if r != nil {
			return nil
		}
		in.Messages, in.AddGenerationPrompt = messages, generation
		text, err := template.Render(in)
		if err != nil {
			r = &refusal{schemas.CodeTemplateError, fmt.Sprintf("%s: %v", side, err)}
			return nil
		}
		return e.Tokenizer.Encode(text, false)
	}
	prompt = encode("prompt", p.Prompt, true)
	chosen = encode("prompt with chosen", joinArrays(p.Prompt, p.Chosen), false)
	rejected = encode("prompt with rejected", joinArrays(p.Prompt, p.Rejected), false)
	return prompt, chosen, rejected, r
}

// notPrefix says where the prompt's own tokens leave the sequences.
func (e *Encoder) notPrefix(prompt []int32, n int) *refusal {
	return &refusal{schemas.CodePromptNotPrefix, fmt.Sprintf(
		"the prompt's last %d tokens, %q, read differently before a completion: end the prompt on a token boundary, or use a template that renders the prompt the same way in both cases, or --boundary=diverge",
		len(prompt)-n, excerpt(e.Tokenizer.Decode(prompt[n:], false)))}
}

// joinArrays returns two JSON arrays as one. What is no array is left for the template to refuse.
func joinArrays(a, b string) string {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	head, okA := strings.CutSuffix(a, "]")
	tail, okB := strings.CutPrefix(b, "[")
	switch {
	case !okA || !okB:
		return a + b
	case strings.TrimSpace(head) == "[":
		return b
	case strings.TrimSpace(tail) == "]":
		return a
	}
	return head + "," + tail
}

// sharedPrefix returns how many leading ids a and b have in common.
func sharedPrefix(a, b []int32) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// excerpt returns the beginning of a text, for messages.
func excerpt(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
