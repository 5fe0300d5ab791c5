package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrNoTemplate is returned when a model directory has no chat template. Give one with --chat-template FILE, or use text pairs.
var ErrNoTemplate = errors.New("the model has no chat template")

// What can change token ids beside tokenizer.json: keys of tokenizer_config.json (named tokens, others, and what transformers makes the
// class of and how), keys of config.json (which class it makes where the former doesn't say), and whole files of older versions.
var (
	tokenizerKeys = []string{
		"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token", "extra_special_tokens",
		"additional_special_tokens", "added_tokens_decoder", "add_bos_token", "add_eos_token", "add_prefix_space", "tokenizer_class", "legacy",
		"auto_map", "clean_up_tokenization_spaces", "fix_mistral_regex",
	}
	modelKeys      = []string{"model_type", "model_name", "tokenizer_class"}
	tokenizerOlder = []string{"added_tokens.json", "special_tokens_map.json"}
)

// TokenizerDigest returns "sha256:" and a digest of what turns text into ids in a directory: tokenizer.json and what counts of the files
// beside it, whatever their layout as text. Without a tokenizer.json it returns "none".
func TokenizerDigest(dir string) (string, error) {
	if _, err := os.Stat(filepath.Join(dir, "tokenizer.json")); errors.Is(err, os.ErrNotExist) {
		return "none", nil
	}
	h := sha256.New()
	for _, part := range []struct {
		file string
		keys []string // nil: all
	}{{"tokenizer.json", nil}, {"tokenizer_config.json", tokenizerKeys}, {configName, modelKeys}, {tokenizerOlder[0], nil}, {tokenizerOlder[1], nil}} {
		if err := digestJSON(h, dir, part.file, part.keys); err != nil {
			return "", fmt.Errorf("checkpoint: %w", err)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// digestJSON writes some or all keys of a JSON file, where it is there, in one form for all layouts.
func digestJSON(h io.Writer, dir, name string, keys []string) error {
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && keys != nil {
		text, err = chosenKeys(text, keys)
	}
	if err == nil {
		text, err = canonicalJSON(text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	fmt.Fprintf(h, "%s\n%s\n", name, text)
	return nil
}

// chosenKeys cuts an object down to some keys that are not null; a token written as an object counts by its text.
func chosenKeys(text []byte, keys []string) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	chosen := map[string]json.RawMessage{}
	for _, key := range keys {
		if value, ok := all[key]; ok && string(value) != "null" {
			chosen[key] = tokenText(value)
		}
	}
	return json.Marshal(chosen)
}

// tokenText reduces a token written as an object ({"content": "</s>", …}) to its text.
func tokenText(value json.RawMessage) json.RawMessage {
	var token struct{ Content json.RawMessage }
	if json.Unmarshal(value, &token) == nil && token.Content != nil {
		return token.Content
	}
	return value
}

// Templates are the chat templates of a model that transformers chooses between: ToolUse for a conversation with tools, where it is
// there, Default for every other. Text that is empty is no template.
type Templates struct{ Default, ToolUse string }

// ChatTemplates returns the chat templates of a directory as transformers' tokenizers have them: those in files (chat_template.jinja is
// the default, additional_chat_templates/NAME.jinja the others) or, where there are none, those of tokenizer_config.json: one text, or
// several by name, of which only "default" and "tool_use" are ever used. Where there are none either, chat_template.json, which old
// processors wrote, has the default. ErrNoTemplate where there is no template to use.
func ChatTemplates(dir string) (Templates, error) {
	named, err := templateFiles(dir)
	if err == nil && len(named) == 0 {
		named, err = configTemplates(dir)
	}
	if err == nil && len(named) == 0 {
		named, err = legacyTemplate(dir)
	}
	if err != nil {
		return Templates{}, fmt.Errorf("checkpoint: %w", err)
	}
	t := Templates{named["default"], named["tool_use"]}
	switch {
	case t != Templates{}:
		return t, nil
	case len(named) == 0:
		return t, fmt.Errorf("checkpoint: %s: %w (no %s, no chat_template in tokenizer_config.json)", dir, ErrNoTemplate, templateName)
	}
	return t, fmt.Errorf("checkpoint: %s: %w with any text named \"default\" or \"tool_use\", only %q", dir, ErrNoTemplate, slices.Sorted(maps.Keys(named)))
}

// templateFiles reads the templates that are files, by name.
func templateFiles(dir string) (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(escapeGlob(dir), templatesName, "*.jinja"))
	if err != nil {
		return nil, err
	}
	named := map[string]string{}
	for _, path := range append([]string{filepath.Join(dir, templateName)}, paths...) {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !utf8.Valid(text) {
			return nil, fmt.Errorf("%s is not UTF-8", path)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".jinja")
		if path == filepath.Join(dir, templateName) {
			name = "default"
		}
		named[name] = string(text)
	}
	return named, nil
}

// escapeGlob lets filepath.Glob take a path as it stands.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// configTemplates reads the templates of tokenizer_config.json: a text, a list of names and templates, or an object of them.
func configTemplates(dir string) (map[string]string, error) {
	config, err := tokenizerConfig(dir)
	value := config["chat_template"]
	if err != nil || value == nil || string(value) == "null" {
		return nil, err
	}
	var one string
	if json.Unmarshal(value, &one) == nil {
		return map[string]string{"default": one}, nil
	}
	var named map[string]string
	if json.Unmarshal(value, &named) == nil {
		return named, nil
	}
	var list []struct{ Name, Template *string }
	err = json.Unmarshal(value, &list)
	named = map[string]string{}
	for _, t := range list {
		if t.Name == nil || t.Template == nil {
			err = errors.New("a name or template is missing")
			break
		}
		named[*t.Name] = *t.Template
	}
	if err != nil {
		return nil, fmt.Errorf("%s: chat_template is neither a text nor a list of named templates", filepath.Join(dir, "tokenizer_config.json"))
	}
	return named, nil
}

// legacyTemplate reads chat_template.json.
func legacyTemplate(dir string) (map[string]string, error) {
	path := filepath.Join(dir, legacyTemplateName)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var v struct {
		Template *string `json:"chat_template"`
	}
	if err := json.Unmarshal(text, &v); err != nil || v.Template == nil {
		return nil, fmt.Errorf("%s: no object with a text chat_template", path)
	}
	return map[string]string{"default": *v.Template}, nil
}

// Digest returns "sha256:" and the digest of the templates' text, or "none" where there is none. A second template is part of it, since
// which one a row takes is the row's affair.
func (t Templates) Digest() string {
	text := []byte(t.Default)
	switch {
	case t == Templates{}:
		return "none"
	case t.ToolUse != "":
		text, _ = json.Marshal([]string{t.Default, t.ToolUse})
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func tokenizerConfig(dir string) (map[string]json.RawMessage, error) {
	path := filepath.Join(dir, "tokenizer_config.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	return config, nil
}

// canonicalJSON sorts keys and drops white space; numbers keep their text.
func canonicalJSON(text []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
