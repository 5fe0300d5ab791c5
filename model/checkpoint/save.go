package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// tokenizerFiles are the files of a tokenizer and its chat template.
var tokenizerFiles = []string{
	"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model",
	templateName, "chat_template.json",
}

// Save writes a model directory that transformers loads with default arguments: the tensors as float32, config.json of the directory
// they came from with its dtype said to be float32 (a loader that believed an older dtype would round the training away), and the
// tokenizer's files. dir is made where it is missing; each file appears whole or not at all, config.json last.
func Save(dir string, from *Dir, tensors []Named) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := WriteTensors(filepath.Join(dir, weightsName), tensors); err != nil {
		return err
	}
	if err := from.CopyTokenizer(dir); err != nil {
		return err
	}
	const generation = "generation_config.json"
	if err := copyFile(filepath.Join(dir, generation), filepath.Join(from.path, generation)); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(from.path, configName))
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	text, err = withDType(text, "float32")
	if err != nil {
		return fmt.Errorf("checkpoint: %s: %w", filepath.Join(from.path, configName), err)
	}
	err = WriteFile(filepath.Join(dir, configName), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return err
	}
	return SyncDir(dir)
}

// CopyTokenizer copies the files of d's tokenizer, those that there are, as they are.
func (d *Dir) CopyTokenizer(dir string) error {
	for _, name := range tokenizerFiles {
		if err := copyFile(filepath.Join(dir, name), filepath.Join(d.path, name)); err != nil {
			return err
		}
	}
	return nil
}

// SaveTemplate writes the chat template of a directory: chat_template.jinja, which goes before one in tokenizer_config.json.
func SaveTemplate(dir, template string) error {
	return WriteFile(filepath.Join(dir, templateName), func(w io.Writer) error {
		_, err := io.WriteString(w, template)
		return err
	})
}

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	defer src.Close()
	return WriteFile(to, func(w io.Writer) error {
		_, err := io.Copy(w, src)
		return err
	})
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("checkpoint: %s: %w", dir, err)
	}
	return nil
}

// withDType returns a config.json with its keys in their order and the type of the weights replaced, under the key it has (dtype, or
// torch_dtype before transformers 5), or added as dtype.
func withDType(config []byte, dtype string) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(config))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	word, err := json.Marshal(dtype)
	if err != nil {
		return nil, err
	}
	out, said := []byte{'{'}, false
	put := func(key string, value []byte) error {
		name, err := json.Marshal(key)
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, name...), ':'), value...)
		return err
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		key, _ := t.(string)
		if key == "dtype" || key == "torch_dtype" {
			value, said = word, true
		}
		if err := put(key, value); err != nil {
			return nil, err
		}
	}
	if !said {
		if err := put("dtype", word); err != nil {
			return nil, err
		}
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, append(out, '}'), "", "  "); err != nil {
		return nil, err
	}
	indented.WriteByte('\n')
	return indented.Bytes(), nil
}
