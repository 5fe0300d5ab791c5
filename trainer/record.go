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
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
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
	Trained  Trained `json:"trained"`
	// Fingerprint and Tokens are the policy's, Mismatches where the cache's differ and by which option that was allowed.
	Fingerprint schemas.Fingerprint `json:"fingerprint"`
	Tokens      schemas.Fingerprint `json:"tokens"`
	Mismatches  []Mismatch          `json:"mismatches,omitempty"`
	// SampleDifference is the largest difference, in nats, between a cached sum and the policy's on the sampled rows.
	SampleDifference float64 `json:"sample_difference"`
}

// Trained says what a run trains.
type Trained struct {
	// Adapter is the configuration of the adapter that is trained; nil where all weights are.
	Adapter *adapter.Config `json:"adapter,omitempty"`
	Tensors int             `json:"tensors"`
	Weights int64           `json:"weights"`
}

func (t Trained) String() string {
	if t.Adapter == nil {
		return fmt.Sprintf("all %d weights", t.Weights)
	}
	return fmt.Sprintf("an adapter of %d weights in %d tensors", t.Weights, t.Tensors)
}

// trained says what the policy trains.
func (r *run) trained() Trained {
	var out Trained
	if r.adapter != nil {
		c := r.adapter.Config
		c.Base = r.from.Path()
		out.Adapter = &c
	}
	for _, p := range r.policy.Params() {
		out.Tensors++
		out.Weights += int64(len(p.Data))
	}
	return out
}

// changed returns an error if a run that trained t would go on with another adapter. Where its base lies may change.
func (t Trained) changed(now Trained) error {
	text := func(t Trained) string {
		if t.Adapter == nil {
			return "no adapter"
		}
		c := *t.Adapter
		c.Base = ""
		text, err := json.Marshal(c)
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	if a, b := text(t), text(now); a != b {
		return fmt.Errorf("adapter: the run began with %s and would go on with %s", a, b)
	}
	return nil
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
