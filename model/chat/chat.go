package chat

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

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

// Input is what transformers gives to a template.
type Input struct {
	Messages            string // the conversation: a JSON array of objects
	Tools               string // a JSON array, or "" for none
	Args                string // chat_template_kwargs: a JSON object, or ""; they hide special tokens of the same name
	AddGenerationPrompt bool
	Special             map[string]string // bos_token, eos_token, …: the tokenizer's special tokens
	Now                 time.Time         // what strftime_now tells, in its own location; a template that asks fails on the zero time
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

// parameters of apply_chat_template that are no variables of the template, or that Input has fields for.
var parameters = []string{
	"messages", "tools", "add_generation_prompt", "conversation", "conversations", "chat_template", "continue_final_message", "tokenize",
	"padding", "truncation", "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask", "tokenizer_kwargs",
}

// variables are the names that the template sees, besides the globals.
func (in *Input) variables(vm *py.VM) (*py.Dict, error) {
	vars := py.NewDict()
	vars.Set("strftime_now", &py.Func{Name: "strftime_now", Call: func(_ *py.VM, a py.Args) py.Value {
		return strftimeNow(in.Now, a)
	}})
	for _, name := range slices.Sorted(maps.Keys(in.Special)) {
		vars.Set(name, in.Special[name])
	}
	vars.Set("documents", py.None)
	if in.Args != "" {
		v, err := parse(vm, "arguments", in.Args)
		if err != nil {
			return nil, err
		}
		args, ok := v.(*py.Dict)
		if !ok {
			return nil, fmt.Errorf("%w: the arguments are no JSON object but %s", ErrInput, py.TypeName(v))
		}
		for i := range args.Len() {
			key, _ := args.Entry(i)
			if name, _ := py.Text(key); slices.Contains(parameters, name) {
				return nil, fmt.Errorf("%w: %q is no argument of a template but has a place of its own; leave it out of the arguments", ErrInput, name)
			}
		}
		vars.Update(args)
	}
	messages, err := parseList(vm, "messages", in.Messages)
	if err != nil {
		return nil, err
	}
	tools := py.None
	if in.Tools != "" {
		if tools, err = parseList(vm, "tools", in.Tools); err != nil {
			return nil, err
		}
	}
	vars.Set("messages", messages)
	vars.Set("tools", tools)
	vars.Set("add_generation_prompt", in.AddGenerationPrompt)
	return vars, nil
}

func parseList(vm *py.VM, what, text string) (py.Value, error) {
	v, err := parse(vm, what, text)
	if err != nil {
		return nil, err
	}
	if _, ok := v.(*py.List); !ok {
		return nil, fmt.Errorf("%w: the %s are no JSON array but %s", ErrInput, what, py.TypeName(v))
	}
	return v, nil
}

func parse(vm *py.VM, what, text string) (v py.Value, err error) {
	if e := py.Catch(func() { v = vm.ParseJSON(text) }); e != nil {
		return nil, fmt.Errorf("%w: the %s: %s", ErrInput, what, e.Message)
	}
	return v, nil
}
