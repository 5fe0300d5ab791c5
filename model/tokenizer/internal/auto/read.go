package auto

import (
	"bytes"
	"encoding/json"
	"fmt"
)

const configFile = "tokenizer_config.json"

// Read returns what AutoTokenizer makes of tokenizer.json, tokenizer_config.json and config.json otherwise than the first of them says;
// nil where it takes it as it is. cleanUp is clean_up_tokenization_spaces, which transformers heeds unless the model is BPE. The two
// configs may be empty.
func Read(tokenizer, config, model []byte) (p *Plan, cleanUp bool, err error) {
	d, fields, err := directory(tokenizer, config, model)
	if err != nil {
		return nil, false, err
	}
	class, err := Class(d)
	if err != nil {
		return nil, false, err
	}
	var o Options
	for name, into := range map[string]**bool{"legacy": &o.Legacy, "add_prefix_space": &o.AddPrefixSpace} {
		if *into, err = flag(fields, name); err != nil {
			return nil, false, err
		}
	}
	_, there := fields["add_prefix_space"]
	o.NullPrefixSpace = there && o.AddPrefixSpace == nil
	if p, err = PlanOf(class, o); err != nil {
		return nil, false, err
	}
	clean, err := flag(fields, "clean_up_tokenization_spaces")
	if err != nil {
		return nil, false, err
	}
	cleanUp = clean != nil && *clean
	const forced = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"
	if force, err := flag(fields, forced); err != nil || force != nil && *force && cleanUp {
		return nil, false, fmt.Errorf("%s: %s is not supported; set it to false", configFile, forced)
	}
	return p, cleanUp, oldMistral(tokenizer, fields)
}

// directory reads what decides the class, and the fields of the config.
func directory(tokenizer, config, modelConfig []byte) (Directory, map[string]json.RawMessage, error) {
	d := Directory{ByteLevel: bytes.Contains(tokenizer, []byte(`"ByteLevel"`))}
	fields := map[string]json.RawMessage{}
	if len(config) > 0 {
		if err := json.Unmarshal(config, &fields); err != nil {
			return d, nil, fmt.Errorf("%s: %w", configFile, err)
		}
	}
	var model struct {
		Type  string `json:"model_type"`
		Name  string `json:"model_name"`
		Class string `json:"tokenizer_class"`
	}
	if len(modelConfig) > 0 {
		if err := json.Unmarshal(modelConfig, &model); err != nil {
			return d, nil, fmt.Errorf("config.json: %w", err)
		}
	}
	d.ModelType, d.ModelName, d.ModelClass = model.Type, model.Name, model.Class
	if value := fields["tokenizer_class"]; value != nil {
		if err := json.Unmarshal(value, &d.TokenizerClass); err != nil {
			return d, nil, fmt.Errorf("%s: tokenizer_class: %w", configFile, err)
		}
	}
	var code struct{ AutoTokenizer any }
	if value := fields["auto_map"]; value != nil {
		d.Code = json.Unmarshal(value, &code) != nil || code.AutoTokenizer != nil // an old form is a list
	}
	return d, fields, nil
}

// flag reads a boolean, nil for null and for a missing one.
func flag(fields map[string]json.RawMessage, name string) (on *bool, err error) {
	if value := fields[name]; value != nil {
		if err := json.Unmarshal(value, &on); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", configFile, name, err)
		}
	}
	return on, nil
}

// oldMistral refuses a flag of transformers that puts another pattern in the place of the one that tokenizer.json has.
func oldMistral(tokenizer []byte, fields map[string]json.RawMessage) error {
	const fix = "fix_mistral_regex"
	on, err := flag(fields, fix)
	if err != nil || on == nil || !*on {
		return err
	}
	pattern, _ := json.Marshal(tekken)
	if bytes.Contains(tokenizer, pattern) {
		return nil
	}
	return fmt.Errorf("%s: %s is true, but tokenizer.json does not have the pattern; load it with transformers and save it again", configFile, fix)
}

// tekken is the pattern of Mistral's byte-level tokenizers.
const tekken = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+` +
	`[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
