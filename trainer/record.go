package trainer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/schemas"
)

// Names in a run directory, beside those of a Hugging Face model.
const (
	recordName  = "run.json"
	metricsName = "metrics.jsonl"
	indexName   = "order.index"
	stagingName = ".steelyard-partial" // what is not complete yet; removed when a run begins or goes on
)

// ErrOutput is returned when output_dir holds a run or a model already. Set resume to go on with the run, or name another directory.
var ErrOutput = errors.New("the run directory is taken")

// ErrResume is returned when a run cannot go on as it is asked to. The message says what changed.
var ErrResume = errors.New("the run cannot be resumed")

// A Record says what a run is: run.json, written before the first step and never after.
type Record struct {
	Program  string  `json:"program"`
	Options  Options `json:"options"` // as resolved, of the run's beginning
	Snapshot string  `json:"snapshot"`
	View     string  `json:"view"`
	Rows     int     `json:"rows"`  // pairs of an epoch
	Steps    int     `json:"steps"` // of the whole run
	// Fingerprint and Tokens are the policy's, Mismatches where the cache's differ and by which option that was allowed.
	Fingerprint schemas.Fingerprint `json:"fingerprint"`
	Tokens      schemas.Fingerprint `json:"tokens"`
	Mismatches  []Mismatch          `json:"mismatches,omitempty"`
	// SampleDifference is the largest difference, in nats, between a cached sum and the policy's on the sampled rows.
	SampleDifference float64 `json:"sample_difference"`
}

// ReadRecord reads the record of the run in a directory. Where there is none, the error is os.ErrNotExist. A run that is resumed must be
// given the snapshot that its record names.
func ReadRecord(dir string) (Record, error) {
	var r Record
	err := readJSON(filepath.Join(dir, recordName), &r)
	return r, err
}

// checkFree refuses a directory that holds a run or a model.
func checkFree(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("trainer: output_dir: %w", err)
	}
	model := ""
	for _, e := range entries {
		switch name := e.Name(); {
		case name == recordName:
			return fmt.Errorf("%w: output_dir %s holds a run: set resume to go on with it, or name another directory", ErrOutput, dir)
		case name == "config.json", strings.HasSuffix(name, ".safetensors"), strings.HasPrefix(name, checkpointPrefix):
			model = name
		}
	}
	if model != "" {
		return fmt.Errorf("%w: output_dir %s holds a model (%s), which the run would write over: name another directory", ErrOutput, dir, model)
	}
	return nil
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeJSON writes a file so that it is there whole, durably, or not at all.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	err = checkpoint.WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	return checkpoint.SyncDir(filepath.Dir(path))
}
