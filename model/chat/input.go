package chat

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// Input is what is given to transformers' apply_chat_template.
type Input struct {
	Messages            string // the conversation: a JSON array of one object or more
	Tools               string // a JSON array of objects, or "" for none, which templates can tell from []
	Args                string // chat_template_kwargs: a JSON object, or ""; they hide special tokens of the same name
	AddGenerationPrompt bool
	Special             map[string]string // bos_token, eos_token, …: the tokenizer's special tokens
	Now                 time.Time         // what strftime_now tells, in its own location; a template that asks fails on the zero time
}

// parameters of transformers' apply_chat_template, and of what lies between it and TRL or the template: as arguments of a template they
// would mean something else or be given twice. Input has fields for some of them.
var parameters = []string{
	"messages", "tools", "add_generation_prompt", "conversation", "conversations", "chat_template", "continue_final_message", "tokenize",
	"sanitize_control_tokens", "padding", "truncation", "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask",
	"tokenizer_kwargs", "processing_class", "input", "self",
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
	if err := in.arguments(vm, vars); err != nil {
		return nil, err
	}
	messages, err := objects(vm, "messages", in.Messages)
	if err != nil {
		return nil, err
	}
	if len(messages.Items) == 0 {
		return nil, fmt.Errorf("%w: the conversation has no message", ErrInput)
	}
	for i, m := range messages.Items {
		messages.Items[i] = normal(m.(*py.Dict))
	}
	vars.Set("messages", messages)
	vars.Set("tools", py.None)
	if in.Tools != "" {
		tools, err := objects(vm, "tools", in.Tools)
		if err != nil {
			return nil, err
		}
		vars.Set("tools", tools)
	}
	vars.Set("add_generation_prompt", in.AddGenerationPrompt)
	return vars, nil
}

// arguments adds chat_template_kwargs.
func (in *Input) arguments(vm *py.VM, vars *py.Dict) error {
	if in.Args == "" {
		return nil
	}
	v, err := parse(vm, "arguments", in.Args)
	if err != nil {
		return err
	}
	args, ok := v.(*py.Dict)
	if !ok {
		return fmt.Errorf("%w: the arguments are no JSON object but %s", ErrInput, py.TypeName(v))
	}
	for i := range args.Len() {
		key, value := args.Entry(i)
		name, _ := py.Text(key)
		switch {
		case slices.Contains(parameters, name):
			return fmt.Errorf("%w: %q is no argument of a template but has a place of its own; leave it out of the arguments", ErrInput, name)
		case name == "documents" && value != py.None:
			if err := eachObject(name, value); err != nil {
				return err
			}
		}
	}
	vars.Update(args)
	return nil
}

// normal is a message as transformers 5.23 hands it on: without the fields that are null, and with its reasoning under the names that
// templates know it by. The one called thinking stands first where there is reasoning, reasoning_content last or in its place; a template
// that prints whole messages shows it.
func normal(message *py.Dict) *py.Dict {
	out := py.NewDict()
	var reasoning py.Value
	for _, name := range []string{"reasoning_content", "thinking", "reasoning"} {
		if v, ok := message.Get(name); ok && v != py.None {
			reasoning = v
			out.Set("thinking", reasoning)
			break
		}
	}
	for i := range message.Len() {
		if key, value := message.Entry(i); value != py.None {
			out.Set(key, value)
		}
	}
	if reasoning != nil {
		out.Set("reasoning_content", reasoning)
	}
	return out
}

// objects reads a JSON array of objects.
func objects(vm *py.VM, what, text string) (*py.List, error) {
	v, err := parse(vm, what, text)
	if err != nil {
		return nil, err
	}
	if err := eachObject(what, v); err != nil {
		return nil, err
	}
	return v.(*py.List), nil
}

func eachObject(what string, v py.Value) error {
	list, ok := v.(*py.List)
	if !ok {
		return fmt.Errorf("%w: the %s are no JSON array but %s", ErrInput, what, py.TypeName(v))
	}
	for i, item := range list.Items {
		if _, ok := item.(*py.Dict); !ok {
			return fmt.Errorf("%w: of the %s number %d is no JSON object but %s", ErrInput, what, i+1, py.TypeName(item))
		}
	}
	return nil
}

func parse(vm *py.VM, what, text string) (v py.Value, err error) {
	if e := py.Catch(func() { v = vm.ParseJSON(text) }); e != nil {
		return nil, fmt.Errorf("%w: the %s: %s", ErrInput, what, e.Message)
	}
	return v, nil
}
