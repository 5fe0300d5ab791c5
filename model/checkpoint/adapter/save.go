package adapter

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

// Save writes an adapter's directory that PEFT loads: the tensors as float32, the tokenizer's files of the base, and adapter_config.json,
// which names the base by its path. dir is made where it is missing; each file appears whole or not at all, the configuration last.
func Save(dir string, c Config, base *checkpoint.Dir, tensors []checkpoint.Named) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("adapter: %w", err)
	}
	if err := checkpoint.WriteTensors(filepath.Join(dir, weightsName), tensors); err != nil {
		return err
	}
	if err := base.CopyTokenizer(dir); err != nil {
		return err
	}
	c.Base = base.Path()
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("adapter: %s: %w", configName, err)
	}
	err = checkpoint.WriteFile(filepath.Join(dir, configName), func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	return checkpoint.SyncDir(dir)
}

// OpenTensors opens the tensors of an adapter's directory, as they were saved.
func OpenTensors(dir string) (*checkpoint.File, error) {
	return checkpoint.OpenFile(filepath.Join(dir, weightsName))
}
