package chat

import (
	"errors"
	"fmt"

	"github.com/steelyard-ml/steelyard/model/chat/jinja"
	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// limits of one rendering. A conversation takes some thousand steps; a row of pairs is at most 16 MiB.
var limits = py.Limits{
	Steps: 10_000_000,
	Bytes: 256 << 20,
	Depth: 250, // about where CPython's own stack of 1,000 frames ends
}

// A Template is a parsed chat template. It is safe for concurrent use.
type Template struct {
	t      *jinja.Template
	limits py.Limits
}

// An Error is why a template could not be parsed or rendered: Line in the template, Kind the class of exception ("TemplateError" is what
// raise_exception raises), Message its text. Errors about the input itself are of other types.
type Error = jinja.Error

// ErrInput is wrapped by errors about an [Input] that no template could render.
var ErrInput = errors.New("chat: bad input")

// Parse reads a template, as found in chat_template.jinja or tokenizer_config.json.
func Parse(source string) (*Template, error) {
	t, err := environment().Parse(source)
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	return &Template{t, limits}, nil
}

// Render returns the text of a conversation. What the template raises, and what goes beyond the limits (10 million steps, 256 MiB of text
// and values built, nesting of 250), is an [*Error]; input that is no JSON of the right kind wraps [ErrInput].
func (t *Template) Render(in Input) (string, error) {
	vm := py.New(t.limits)
	vars, err := in.variables(vm)
	if err != nil {
		return "", err
	}
	text, err := t.t.Render(vm, vars)
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	return text, nil
}
