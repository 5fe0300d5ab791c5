package trainer

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/trainer/optim"
)

// Names in a checkpoint, beside those of a Hugging Face model. The prefix, with the step's number behind it, is transformers'.
const (
	checkpointPrefix = "checkpoint-"
	stateName        = "trainer_state.json"
	momentsName      = "optimizer.safetensors"
)

// A state is what a run needs to go on, beside weights and moments: trainer_state.json of a checkpoint.
type state struct {
	GlobalStep int     `json:"global_step"`
	Epoch      float64 `json:"epoch"`
	NumTokens  int64   `json:"num_tokens"`
	// Position is the place of the next pair: its epoch, from 0, and its number in that epoch's order.
	Position struct {
		Epoch int `json:"epoch"`
		Pair  int `json:"pair"`
	} `json:"position"`
	Record Record `json:"run"`
}

// save writes checkpoint-N after N steps: all of it in the staging directory, durably, then its name. Older checkpoints beyond
// save_total_limit go only after that.
func (r *run) save(steps int) error {
	s := state{GlobalStep: steps, Epoch: r.plan.epochs(steps), NumTokens: r.tokens, Record: r.record}
	epoch, next := r.plan.step(steps)
	s.Position.Epoch, s.Position.Pair = epoch, next[0].From

	name := checkpointPrefix + strconv.Itoa(steps)
	staged, final := filepath.Join(r.o.OutputDir, stagingName, name), filepath.Join(r.o.OutputDir, name)
	err := os.RemoveAll(staged)
	if err == nil {
		err = r.saveModel(staged)
	}
	if err == nil {
		err = checkpoint.WriteTensors(filepath.Join(staged, momentsName), r.moments())
	}
	if err == nil {
		err = writeJSON(filepath.Join(staged, stateName), s)
	}
	if err == nil {
		err = r.journal.f.Sync() // a checkpoint never knows more steps than metrics.jsonl
	}
	if err == nil {
		err = os.RemoveAll(final) // of an earlier attempt, found damaged when the run was resumed
	}
	if err == nil {
		err = os.Rename(staged, final)
	}
	if err == nil {
		err = checkpoint.SyncDir(r.o.OutputDir)
	}
	if err == nil {
		err = errors.Join(os.Remove(filepath.Dir(staged)), r.rotate())
	}
	if err != nil {
		return fmt.Errorf("trainer: saving %s: %w", final, err)
	}
	return nil
}

// moments is the optimizer's state for a file.
func (r *run) moments() []checkpoint.Named {
	var out []checkpoint.Named
	for _, t := range r.adamw.State() {
		out = append(out, checkpoint.Named{Name: t.Name, Shape: t.Shape, Data: t.Data, Codes: t.Codes})
	}
	return out
}

// rotate removes the oldest checkpoints beyond save_total_limit.
func (r *run) rotate() error {
	if r.o.SaveTotalLimit == 0 {
		return nil
	}
	saved, err := checkpoints(r.o.OutputDir)
	for i := r.o.SaveTotalLimit; i < len(saved); i++ {
		err = errors.Join(err, os.RemoveAll(filepath.Join(r.o.OutputDir, saved[i].name)))
	}
	return err
}

// A saved checkpoint is a directory and the steps after which it was written.
type saved struct {
	name  string
	steps int
}

// checkpoints lists the checkpoints of a run directory, newest first.
func checkpoints(dir string) ([]saved, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []saved
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), checkpointPrefix)
		if steps, err := strconv.Atoi(number); ok && err == nil && e.IsDir() {
			out = append(out, saved{e.Name(), steps})
		}
	}
	slices.SortFunc(out, func(a, b saved) int { return cmp.Compare(b.steps, a.steps) })
	return out, nil
}

// restore brings weights, moments and position to the newest whole checkpoint and returns its steps; 0 where there is none. A damaged
// one is reported and passed over, before anything is changed.
func (r *run) restore() (int, error) {
	all, err := checkpoints(r.o.OutputDir)
	if err != nil {
		return 0, fmt.Errorf("trainer: resume: %w", err)
	}
	for _, c := range all {
		dir := filepath.Join(r.o.OutputDir, c.name)
		err := r.restoreFrom(dir, c.steps)
		if err == nil {
			return c.steps, nil
		}
		r.say("%s is damaged and passed over: %v", dir, err)
	}
	return 0, nil
}

func (r *run) restoreFrom(dir string, steps int) error {
	var s state
	if err := readJSON(filepath.Join(dir, stateName), &s); err != nil {
		return err
	}
	if s.GlobalStep != steps {
		return fmt.Errorf("%s is of step %d", stateName, s.GlobalStep)
	}
	weights, err := r.openModel(dir)
	if err != nil {
		return err
	}
	defer weights.Close()
	moments, err := checkpoint.OpenFile(filepath.Join(dir, momentsName))
	if err != nil {
		return err
	}
	defer moments.Close()

	// Find everything before anything is changed.
	type copying struct {
		optim.Tensor
		from checkpoint.Tensor
	}
	var all []copying
	var faults []error
	find := func(from tensors, to optim.Tensor) {
		t, err := from.Tensor(to.Name)
		want := checkpoint.F32
		if to.Codes != nil {
			want = "U8"
		}
		if err == nil && (t.DType != want || !slices.Equal(t.Shape, to.Shape)) {
			err = fmt.Errorf("tensor %s is %s of shape %v, want %s of %v", to.Name, t.DType, t.Shape, want, to.Shape)
		}
		faults = append(faults, err)
		all = append(all, copying{to, t})
	}
	for _, p := range r.policy.Params() {
		find(weights, optim.Tensor{Name: p.Name, Shape: p.Shape, Data: p.Data})
	}
	for _, t := range r.adamw.State() {
		find(moments, t)
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	for _, c := range all {
		if c.Codes != nil {
			copy(c.Codes, c.from.Data)
		} else {
			c.from.Widen(c.Data, 0)
		}
	}
	r.adamw.Resume(steps)
	r.tokens = s.NumTokens
	return nil
}

// tensors is a file or a directory of tensors.
type tensors interface {
	Tensor(name string) (checkpoint.Tensor, error)
	Close() error
}

// openModel opens what saveModel wrote.
func (r *run) openModel(dir string) (tensors, error) {
	if r.adapter != nil {
		return adapter.OpenTensors(dir)
	}
	return checkpoint.Open(dir)
}

// saveModel writes the policy as a model directory, or as an adapter's.
func (r *run) saveModel(dir string) error {
	var named []checkpoint.Named
	for _, p := range r.policy.Params() {
		named = append(named, checkpoint.Named{Name: p.Name, Shape: p.Shape, Data: p.Data})
	}
	var err error
	if r.adapter != nil {
		err = adapter.Save(dir, r.adapter.Config, r.from, named)
	} else {
		err = checkpoint.Save(dir, r.from, named)
	}
	if err != nil || r.template == "" {
		return err
	}
	return checkpoint.SaveTemplate(dir, r.template)
}
