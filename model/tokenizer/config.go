package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/auto"
)

// A config is what counts of the files beside tokenizer.json: what transformers does after it has read that one.
type config struct {
	plan    *auto.Plan // of the class that AutoTokenizer makes, nil for tokenizer.json as it is
	cleanUp bool       // clean_up_tokenization_spaces, unless the model is BPE

	named    map[string]string // bos_token and so on, others that end in _token, and those that extra_special_tokens names
	special  []addedToken      // the named tokens
	extra    []addedToken      // the list of extra_special_tokens or additional_special_tokens
	decoder  []addedToken      // added_tokens_decoder, by id
	explicit bool              // tokenizer_config.json has added_tokens_decoder; else the added tokens of the files are it
}

// files are the contents of a tokenizer's files; nil for one that is not there.
type files struct {
	tokenizer, config, special, added, model []byte
}

// namedTokens are transformers' own names, in the order in which it adds the tokens.
var namedTokens = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// configOf reads all files but tokenizer.json, each of which may be empty.
func configOf(f files) (*config, error) {
	c := &config{named: map[string]string{}}
	fields, order, err := object(f.config, configFile)
	if err != nil {
		return nil, err
	}
	if f.config != nil || f.model != nil {
		if c.plan, c.cleanUp, err = auto.Read(f.tokenizer, f.config, f.model); err != nil {
			return nil, err
		}
	}
	if err := refused(fields); err != nil {
		return nil, err
	}
	if extra := fields["extra_special_tokens"]; !filled(extra) && given(fields["additional_special_tokens"]) {
		fields["extra_special_tokens"] = fields["additional_special_tokens"]
		delete(fields, "additional_special_tokens")
	}
	_, c.explicit = fields["added_tokens_decoder"]
	if !c.explicit {
		older, more, err := object(f.special, specialFile)
		if err != nil {
			return nil, err
		}
		if given(older["extra_special_tokens"]) && filled(fields["extra_special_tokens"]) {
			return nil, fmt.Errorf("%s: extra_special_tokens is in %s, too; take one of them out", specialFile, configFile)
		}
		maps.Copy(fields, older)
		order = append(slices.DeleteFunc(more, func(name string) bool { return slices.Contains(order, name) }), order...)
	}
	if err := c.names(fields, order); err != nil {
		return nil, err
	}
	if err := c.decode(fields["added_tokens_decoder"]); err != nil {
		return nil, err
	}
	return c, c.oldAdded(f.added)
}

// names reads the special tokens.
func (c *config) names(fields map[string]json.RawMessage, order []string) error {
	for _, name := range namedTokens {
		value, there := fields[name]
		if c.plan != nil && !there {
			if token, ok := c.plan.Named[name]; ok {
				value, _ = json.Marshal(token)
			}
		}
		if err := c.name(name, value); err != nil {
			return err
		}
	}
	for _, name := range order {
		value := fields[name]
		plain := len(value) > 0 && (value[0] == '"' || bytes.Contains(value, []byte(`"AddedToken"`)))
		if strings.HasSuffix(name, "_token") && plain && !slices.Contains(namedTokens, name) {
			if err := c.name(name, value); err != nil {
				return err
			}
		}
	}
	extra, there := fields["extra_special_tokens"]
	if !there {
		extra = fields["additional_special_tokens"]
	}
	return c.readExtra(extra)
}

// refused refuses what would change the ids and is not followed.
func refused(fields map[string]json.RawMessage) error {
	var split bool
	if value := fields["split_special_tokens"]; value != nil {
		if err := json.Unmarshal(value, &split); err != nil {
			return fmt.Errorf("%s: split_special_tokens: %w", configFile, err)
		}
	}
	if split {
		return fmt.Errorf("%s: split_special_tokens is not supported; set it to false", configFile)
	}
	if versions := fields["fast_tokenizer_files"]; filled(versions) {
		var names []string
		if err := json.Unmarshal(versions, &names); err != nil || slices.ContainsFunc(names, func(n string) bool { return n != tokenizerFile }) {
			return fmt.Errorf("%s: fast_tokenizer_files names other files than %s, which is not supported", configFile, tokenizerFile)
		}
	}
	return nil
}

// object returns the fields of a JSON object and their order, none for an empty file.
func object(data []byte, name string) (map[string]json.RawMessage, []string, error) {
	fields := map[string]json.RawMessage{}
	if len(data) == 0 {
		return fields, nil, nil
	}
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	if fields == nil {
		return map[string]json.RawMessage{}, nil, nil
	}
	var order []string
	d := json.NewDecoder(bytes.NewReader(data))
	d.Token()
	for d.More() {
		key, _ := d.Token() // data is valid
		var value json.RawMessage
		d.Decode(&value)
		if key, ok := key.(string); ok && !slices.Contains(order, key) {
			order = append(order, key)
		}
	}
	return fields, order, nil
}

func given(value json.RawMessage) bool { return len(value) > 0 && string(value) != "null" }

// filled reports whether a value is neither missing nor null nor empty.
func filled(value json.RawMessage) bool {
	var list []json.RawMessage
	var fields map[string]json.RawMessage
	return given(value) && !(json.Unmarshal(value, &list) == nil && len(list) == 0) && !(json.Unmarshal(value, &fields) == nil && len(fields) == 0)
}

// tokenOf reads a special token: a string, or an object with its properties.
func tokenOf(value json.RawMessage) (addedToken, error) {
	if value[0] == '"' {
		token := addedToken{Special: true}
		return token, json.Unmarshal(value, &token.Content)
	}
	// An object is an AddedToken of Python, which is normalized unless it is special or says otherwise.
	var token struct {
		addedToken
		Normalized *bool `json:"normalized"`
	}
	err := json.Unmarshal(value, &token)
	token.addedToken.Normalized = !token.Special
	if token.Normalized != nil {
		token.addedToken.Normalized = *token.Normalized
	}
	return token.addedToken, err
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
	token.Special = true
	c.named[name] = token.Content
	c.special = append(c.special, token)
	return nil
}

// readExtra reads special tokens without a name of their own (a list) or with another one (an object).
func (c *config) readExtra(value json.RawMessage) error {
	if !given(value) {
		return nil
	}
	if value[0] == '{' {
		names, order, err := object(value, configFile+": extra_special_tokens")
		if err != nil {
			return err
		}
		for _, name := range order {
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
		c.extra = append(c.extra, token)
	}
	return nil
}

// decode reads added_tokens_decoder, whose keys are ids.
func (c *config) decode(value json.RawMessage) error {
	if !given(value) {
		return nil
	}
	var tokens map[string]json.RawMessage
	if err := json.Unmarshal(value, &tokens); err != nil {
		return fmt.Errorf("%s: added_tokens_decoder: %w", configFile, err)
	}
	for key, value := range tokens {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil {
			return fmt.Errorf("%s: added_tokens_decoder: key %q is not an id", configFile, key)
		}
		token, err := tokenOf(value)
		if err != nil {
			return fmt.Errorf("%s: added_tokens_decoder: %q: %w", configFile, key, err)
		}
		n := int32(id)
		token.ID = &n
		c.decoder = append(c.decoder, token)
	}
	sortByID(c.decoder)
	return nil
}

func sortByID(tokens []addedToken) {
	slices.SortFunc(tokens, func(a, b addedToken) int { return cmp.Compare(*a.ID, *b.ID) })
}

// oldAdded reads added_tokens.json of old checkpoints, where the config has no added_tokens_decoder.
func (c *config) oldAdded(data []byte) error {
	if c.explicit || len(data) == 0 {
		return nil
	}
	var ids map[string]int32
	if err := json.Unmarshal(data, &ids); err != nil {
		return fmt.Errorf("%s: %w", addedFile, err)
	}
	for content, id := range ids {
		is := func(t addedToken) bool { return t.Content == content }
		special := slices.ContainsFunc(c.special, is) || slices.ContainsFunc(c.extra, is)
		c.decoder = append(c.decoder, addedToken{ID: &id, Content: content, Special: special, Normalized: !special})
	}
	sortByID(c.decoder)
	return nil
}

// apply does to a tokenizer what transformers does with the config after it has read tokenizer.json, whose added tokens are given.
func (c *config) apply(t *Tokenizer, file []addedToken) error {
	if !c.explicit {
		byID := map[int32]addedToken{}
		for _, token := range slices.Concat(c.decoder, file) {
			byID[*token.ID] = token
		}
		c.decoder = slices.Collect(maps.Values(byID))
		sortByID(c.decoder)
	}
	for _, token := range c.decoder {
		want := *token.ID
		token.Special = token.Special || slices.ContainsFunc(c.special, func(named addedToken) bool { return named.Content == token.Content })
		if id := t.added.add(token, t.ids); id != want {
			return fmt.Errorf("%s: added_tokens_decoder gives %q the id %d, but %s gives it %d", configFile, token.Content, want, tokenizerFile, id)
		}
	}
	for _, token := range slices.Concat(c.special, c.extra) {
		if _, there := t.added.ids[token.Content]; !there {
			t.added.add(token, t.ids)
		}
	}
	if c.plan != nil && c.plan.Again {
		for _, token := range slices.Concat(c.special, c.extra) {
			t.added.add(addedToken{Content: token.Content, Special: true}, t.ids)
		}
	}
	return nil
}
