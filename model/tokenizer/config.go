package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A config is what counts of tokenizer_config.json.
type config struct {
	named   map[string]string // bos_token and so on, others that end in _token, and those that extra_special_tokens names
	special []addedToken      // the named tokens, then the list of extra_special_tokens or additional_special_tokens
	decoder []addedToken      // added_tokens_decoder, by id
}

// namedTokens are transformers' own names, in the order in which it adds the tokens.
var namedTokens = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// configOf reads tokenizer_config.json and special_tokens_map.json, either of which may be empty.
func configOf(configJSON, specialJSON []byte) (*config, error) {
	c := &config{named: map[string]string{}}
	fields, err := object(configJSON, configFile)
	if err != nil {
		return nil, err
	}
	older, err := object(specialJSON, specialFile)
	if err != nil {
		return nil, err
	}
	if _, current := fields["added_tokens_decoder"]; !current {
		maps.Copy(fields, older)
	}
	for _, name := range namedTokens {
		if err := c.name(name, fields[name]); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if value := fields[name]; strings.HasSuffix(name, "_token") && value[0] == '"' && !slices.Contains(namedTokens, name) {
			if err := c.name(name, value); err != nil {
				return nil, err
			}
		}
	}
	extra := fields["extra_special_tokens"]
	if !given(extra) {
		extra = fields["additional_special_tokens"]
	}
	if err := c.extra(extra); err != nil {
		return nil, err
	}
	if err := c.decode(fields["added_tokens_decoder"]); err != nil {
		return nil, err
	}
	var split bool
	if value := fields["split_special_tokens"]; given(value) {
		if err := json.Unmarshal(value, &split); err != nil {
			return nil, fmt.Errorf("%s: split_special_tokens: %w", configFile, err)
		}
	}
	if split {
		return nil, fmt.Errorf("%s: split_special_tokens is not supported; set it to false", configFile)
	}
	return c, nil
}

// object returns the fields of a JSON object, none for an empty file.
func object(data []byte, name string) (map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if len(data) == 0 {
		return fields, nil
	}
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	return fields, nil
}

func given(value json.RawMessage) bool { return len(value) > 0 && string(value) != "null" }

// tokenOf reads a special token: a string, or an object with its properties.
func tokenOf(value json.RawMessage) (addedToken, error) {
	token := addedToken{Special: true}
	if value[0] == '"' {
		return token, json.Unmarshal(value, &token.Content)
	}
	err := json.Unmarshal(value, &token)
	token.Special = true
	return token, err
}

// name sets a named special token.
func (c *config) name(name string, value json.RawMessage) error {
	if !given(value) {
		return nil
	}
	token, err := tokenOf(value)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", configFile, name, err)
	}
	c.named[name] = token.Content
	c.special = append(c.special, token)
	return nil
}

// extra reads special tokens without a name of their own (a list) or with another one (an object).
func (c *config) extra(value json.RawMessage) error {
	if !given(value) {
		return nil
	}
	if value[0] == '{' {
		names, err := object(value, configFile+": extra_special_tokens")
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if err := c.name(name, names[name]); err != nil {
				return err
			}
		}
		return nil
	}
	var values []json.RawMessage
	if err := json.Unmarshal(value, &values); err != nil {
		return fmt.Errorf("%s: extra_special_tokens: %w", configFile, err)
	}
	for i, value := range values {
		token, err := tokenOf(value)
		if err != nil {
			return fmt.Errorf("%s: extra_special_tokens[%d]: %w", configFile, i, err)
		}
		c.special = append(c.special, token)
	}
	return nil
}

// decode reads added_tokens_decoder, whose keys are ids.
func (c *config) decode(value json.RawMessage) error {
	if !given(value) {
		return nil
	}
	var tokens map[string]addedToken
	if err := json.Unmarshal(value, &tokens); err != nil {
		return fmt.Errorf("%s: added_tokens_decoder: %w", configFile, err)
	}
	for key, token := range tokens {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil {
			return fmt.Errorf("%s: added_tokens_decoder: key %q is not an id", configFile, key)
		}
		n := int32(id)
		token.ID = &n
		c.decoder = append(c.decoder, token)
	}
	slices.SortFunc(c.decoder, func(a, b addedToken) int { return int(*a.ID) - int(*b.ID) })
	return nil
}

// apply does to a tokenizer what transformers does with the config after it has read tokenizer.json.
func (c *config) apply(t *Tokenizer) error {
	for _, token := range c.decoder {
		if id := t.added.add(token, t.ids); id != *token.ID {
			return fmt.Errorf("%s: added_tokens_decoder gives %q the id %d, but %s gives it %d", configFile, token.Content, *token.ID, tokenizerFile, id)
		}
	}
	for _, token := range c.special {
		if id, there := t.added.ids[token.Content]; there {
			token = t.added.tokens[id] // keeps its properties, but is special
			token.Special = true
		}
		t.added.add(token, t.ids)
	}
	return nil
}
