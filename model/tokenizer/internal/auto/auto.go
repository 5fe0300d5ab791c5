package auto

import (
	"fmt"
	"strings"
)

// A Directory is what of a model directory decides the class.
type Directory struct {
	TokenizerClass string // of tokenizer_config.json
	Code           bool   // tokenizer_config.json names code of its own (auto_map)
	ModelType      string // of config.json, as the two below
	ModelName      string
	ModelClass     string // its tokenizer_class
	ByteLevel      bool   // tokenizer.json has the string "ByteLevel" anywhere
}

// Backend is TokenizersBackend, the class that reads tokenizer.json as it is.
const Backend = ""

// known returns the class of a name, Backend for one that transformers lacks: it falls back to that, too.
func known(name string) string { return classes[strings.TrimSuffix(name, "Fast")] }

// Class returns the class that AutoTokenizer.from_pretrained makes for a directory, or Backend.
func Class(d Directory) (string, error) {
	hub := d.TokenizerClass
	if hub == "" {
		hub = d.ModelClass
	}
	wrong := incorrect[d.ModelType] || incorrect[d.ModelName]
	if d.Code {
		return ownCode(d)
	}
	if strings.TrimSuffix(hub, "Fast") == "LlamaTokenizer" && !wrong && d.ByteLevel {
		return Backend, nil
	}
	registered, there := models[d.ModelType]
	if hub != "" && there && registered != strings.TrimSuffix(hub, "Fast") {
		switch {
		case registered == "TokenizersBackend":
			return Backend, nil
		case wrong:
			return known(registered), nil
		}
		return known(hub), nil
	}
	return plain(d)
}

// plain is the choice where the registered class, if any, is not in question.
func plain(d Directory) (string, error) {
	if d.TokenizerClass != "" {
		return known(d.TokenizerClass), nil
	}
	if d.ModelClass != "" {
		if class := known(d.ModelClass); class != Backend {
			return class, nil
		}
		if name := d.ModelClass; name != "PreTrainedTokenizerFast" && name != "TokenizersBackend" {
			return "", fmt.Errorf("config.json: tokenizer_class %q is not a class of transformers", name)
		}
		return Backend, nil
	}
	if bare[d.ModelType] {
		return Backend, nil
	}
	return known(models[d.ModelType]), nil
}

// ownCode is the choice where there is code to run, which is run only where transformers has nothing for the directory.
func ownCode(d Directory) (string, error) {
	_, registered := models[d.ModelType]
	if registered && !bare[d.ModelType] || incorrect[d.ModelType] || known(d.TokenizerClass) != Backend || backend[d.TokenizerClass] {
		return plain(d)
	}
	return "", fmt.Errorf("tokenizer_config.json: auto_map names a tokenizer with code of its own, which is not run; " +
		"take auto_map out to have tokenizer.json as it is")
}

// backend holds the names that lead to TokenizersBackend, and not because there is no such class.
var backend = map[string]bool{
	"TokenizersBackend": true, "PreTrainedTokenizerFast": true, "PreTrainedTokenizer": true, "PythonBackend": true,
	"BloomTokenizer": true, "BloomTokenizerFast": true,
}
