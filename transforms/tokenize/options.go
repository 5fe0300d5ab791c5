package tokenize

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/steelyard-ml/steelyard/model/chat"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/tokenizer"
	"github.com/steelyard-ml/steelyard/schemas"
)

// Options say how pairs become ids. They travel to the workers as JSON.
type Options struct {
	// Tokenizer is the directory of tokenizer.json and the chat template, usually the model's. Empty where all pairs are token ids.
	Tokenizer string `json:"tokenizer,omitempty"`
	// Template is the source of a chat template to use in place of all of the directory's own.
	Template string `json:"template,omitempty"`
	// Date is the day that templates get for today, as 2006-01-02. Empty is 1970-01-01.
	Date string `json:"date,omitempty"`
	// MaxLength cuts prompt and completion together to so many tokens, keeping the start; 0 cuts nothing.
	MaxLength int `json:"max_length,omitempty"`
	// Boundary is the policy for prompts that are no token prefix. Default: Diverge.
	Boundary Boundary `json:"boundary,omitempty"`
	// Identical is the policy for completions with the same tokens. Default: Keep.
	Identical Identical `json:"identical,omitempty"`
	// Vocab and Positions are the model's; sequences outside them are quarantined. 0 checks nothing.
	Vocab     int `json:"vocab,omitempty"`
	Positions int `json:"positions,omitempty"`
	// Run names the run whose progress is counted.
	Run string `json:"run,omitempty"`
}

const dateLayout = time.DateOnly

func (o Options) withDefaults() Options {
	if o.Date == "" {
		o.Date = time.Unix(0, 0).UTC().Format(dateLayout)
	}
	if o.Boundary == "" {
		o.Boundary = Diverge
	}
	if o.Identical == "" {
		o.Identical = Keep
	}
	return o
}

// Validate returns every fault of the options, each beginning with the field's name.
func (o Options) Validate() error {
	o = o.withDefaults()
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if _, err := time.Parse(dateLayout, o.Date); err != nil {
		fault("date: %q is no day; write it as 2026-01-31", o.Date)
	}
	if o.MaxLength < 0 || o.MaxLength == 1 {
		fault("max_length: %d leaves no room for a prompt and a completion; 0 cuts nothing", o.MaxLength)
	}
	if o.Boundary != Diverge && o.Boundary != Strict {
		fault("boundary: %q is neither %q nor %q", o.Boundary, Diverge, Strict)
	}
	if o.Identical != Keep && o.Identical != Drop {
		fault("identical: %q is neither %q nor %q", o.Identical, Keep, Drop)
	}
	if o.Vocab < 0 || o.Positions < 0 {
		fault("vocab, positions: %d, %d; neither may be negative", o.Vocab, o.Positions)
	}
	return errors.Join(faults...)
}

// NewEncoder reads the tokenizer and the chat template that the options name.
func NewEncoder(o Options) (*Encoder, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("tokenize: %w", err)
	}
	o = o.withDefaults()
	date, _ := time.Parse(dateLayout, o.Date) // Validate has parsed it
	e := &Encoder{
		Date: date, MaxLength: o.MaxLength, Boundary: o.Boundary, Identical: o.Identical,
		Vocab: o.Vocab, Positions: o.Positions,
	}
	var err error
	if hasTokenizer(o.Tokenizer) {
		if e.Tokenizer, err = tokenizer.Load(o.Tokenizer); err != nil {
			return nil, fmt.Errorf("tokenize: %w", err)
		}
	}
	templates, err := o.templates()
	if err != nil {
		return nil, fmt.Errorf("tokenize: %w", err)
	}
	for _, t := range []struct {
		source string
		to     **chat.Template
	}{{templates.Default, &e.Template}, {templates.ToolUse, &e.ToolTemplate}} {
		if t.source == "" {
			continue
		}
		if *t.to, err = chat.Parse(t.source); err != nil {
			return nil, fmt.Errorf("tokenize: %w", err)
		}
	}
	return e, nil
}

// Describe returns what the ids depend on beside the rows: the items of a view.
func Describe(o Options) (schemas.Fingerprint, error) {
	o = o.withDefaults()
	digest, err := "none", error(nil)
	if o.Tokenizer != "" {
		if digest, err = checkpoint.TokenizerDigest(o.Tokenizer); err != nil {
			return nil, fmt.Errorf("tokenize: %w", err)
		}
	}
	templates, err := o.templates()
	if err != nil {
		return nil, fmt.Errorf("tokenize: %w", err)
	}
	return schemas.Fingerprint{
		{Name: schemas.ItemTokenizer, Digest: digest, Detail: o.Tokenizer},
		{Name: schemas.ItemChatTemplate, Digest: templates.Digest()},
		{Name: schemas.ItemTemplateDate, Digest: o.Date},
		{Name: schemas.ItemMaxLength, Digest: strconv.Itoa(o.MaxLength)},
		{Name: schemas.ItemTruncation, Digest: "keep_start"},
		{Name: schemas.ItemBoundary, Digest: string(o.Boundary)},
	}, nil
}

// templates returns the sources of the chat templates; none is no error, for text needs none.
func (o Options) templates() (checkpoint.Templates, error) {
	if o.Template != "" || o.Tokenizer == "" {
		return checkpoint.Templates{Default: o.Template}, nil
	}
	t, err := checkpoint.ChatTemplates(o.Tokenizer)
	if errors.Is(err, checkpoint.ErrNoTemplate) {
		return t, nil
	}
	return t, err
}

// hasTokenizer reports whether dir names a directory with a tokenizer. A model without one serves pairs that are token ids.
func hasTokenizer(dir string) bool {
	if dir == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, "tokenizer.json"))
	return !errors.Is(err, os.ErrNotExist)
}
