package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrNoTemplate is returned when a model directory has no chat template. Give one with --chat-template FILE, or use text pairs.
var ErrNoTemplate = errors.New("the model has no chat template")

// tokenizerKeys are the keys of tokenizer_config.json that can change token ids.
var tokenizerKeys = []string{"bos_token", "eos_token", "add_bos_token", "add_eos_token", "add_prefix_space"}

// TokenizerDigest returns "sha256:" and a digest of what turns text into ids in a directory: tokenizer.json and the keys of
// tokenizer_config.json that matter, whatever their layout as text. Without a tokenizer.json it returns "none".
func TokenizerDigest(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "tokenizer.json"))
	if errors.Is(err, os.ErrNotExist) {
		return "none", nil
	}
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	canonical, err := canonicalJSON(text)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %s: %w", filepath.Join(dir, "tokenizer.json"), err)
	}
	config, err := tokenizerConfig(dir)
	if err != nil {
		return "", err
	}
	chosen := map[string]json.RawMessage{}
	for _, key := range tokenizerKeys {
		if value, ok := config[key]; ok && string(value) != "null" {
			chosen[key] = tokenText(value)
		}
	}
	settings, err := json.Marshal(chosen)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	h.Write(canonical)
	h.Write(settings)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// tokenText reduces a token written as an object ({"content": "</s>", …}) to its text.
func tokenText(value json.RawMessage) json.RawMessage {
	var token struct{ Content json.RawMessage }
	if json.Unmarshal(value, &token) == nil && token.Content != nil {
		return token.Content
	}
	return value
}

// ChatTemplate returns the chat template of a directory: chat_template.jinja, or chat_template in tokenizer_config.json, whose list form
// gives the one named "default". ErrNoTemplate where there is none.
func ChatTemplate(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, templateName))
	if err == nil {
		return string(text), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	config, err := tokenizerConfig(dir)
	if err != nil {
		return "", err
	}
	value, ok := config["chat_template"]
	if !ok || string(value) == "null" {
		return "", fmt.Errorf("checkpoint: %s: %w (no chat_template.jinja, no chat_template in tokenizer_config.json)", dir, ErrNoTemplate)
	}
	var one string
	if json.Unmarshal(value, &one) == nil {
		return one, nil
	}
	var list []struct{ Name, Template string }
	if err := json.Unmarshal(value, &list); err != nil {
		return "", fmt.Errorf("checkpoint: %s: chat_template in tokenizer_config.json is neither a string nor a list of named templates", dir)
	}
	for _, t := range list {
		if t.Name == "default" {
			return t.Template, nil
		}
	}
	return "", fmt.Errorf("checkpoint: %s: %w named \"default\"", dir, ErrNoTemplate)
}

// TemplateDigest returns "sha256:" and the digest of a chat template's text, or "none" for an empty one.
func TemplateDigest(template string) string {
	if template == "" {
		return "none"
	}
	sum := sha256.Sum256([]byte(template))
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
