package trainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/trainer/loss"
	"github.com/steelyard-ml/steelyard/trainer/optim"
)

// Inputs are what a run is given beside its options.
type Inputs struct {
	// Policy is the model to train, with the weights of From, the directory it was loaded from. Both stay the caller's to close.
	Policy model.Trainable
	From   *checkpoint.Dir
	// Adapter is what Policy has beside the weights of From and alone trains, in the state it starts in; nil trains all weights.
	Adapter *adapter.Adapter
	// Open opens the snapshot of the cache with that digest, or the newest for "". A resumed run asks for the one it began with.
	Open func(ctx context.Context, digest string) (*cache.Snapshot, error)
	// Template is the source of a chat template that takes the place of From's, in the comparison with the cache and in what is saved.
	// "" is From's own.
	Template string
	// Console gets a line every logging_steps; nil is none.
	Console io.Writer
	// Status gets a line after every step, which replaces the last: rows, tokens/s and time left. nil is none.
	Status func(line string)
	// Program names the program in the run's record. Example: "steelyard 0.1.0".
	Program string
}

// A Summary is what a run did.
type Summary struct {
	OutputDir string  `json:"output_dir"`
	Rows      int     `json:"rows"`       // pairs of an epoch
	Steps     int     `json:"steps"`      // of the whole run
	Resumed   int     `json:"resumed"`    // steps that an earlier process had taken
	Epochs    float64 `json:"epochs"`     // of the whole run
	NumTokens int64   `json:"num_tokens"` // of the whole run, as metrics count them
	Seconds   float64 `json:"seconds"`    // of this process
	TrainLoss float64 `json:"train_loss"` // mean over this process's steps
	// SampleDifference is as in Record: 0 where the policy reproduces the cache to the last bit.
	SampleDifference float64 `json:"sample_difference"`
	// Memory is what was planned before the first step; nil where the engine plans none.
	Memory *Memory `json:"memory,omitempty"`
}

// rows are the pairs of a data set, in its order.
type rows interface {
	Len() int
	At(ctx context.Context, i int) (schemas.CachedPair, error)
}

// lossOf is loss.Loss, or what a test puts in its place.
type lossOf interface {
	PerPair() bool
	Eval(group []loss.Pair, terms []loss.Term)
}

// keptRowBytes is the room for decoded row groups, one full one: a row that is read without its group takes 0.3 ms, which no step notices,
// and Go's heap takes room twice.
const keptRowBytes = 8 << 20

// run is a run at work.
type run struct {
	o        Options
	policy   model.Trainable
	from     *checkpoint.Dir
	adapter  *adapter.Adapter
	template string // in place of from's, or ""
	console  io.Writer
	status   func(line string)
	rows     rows
	view     schemas.View
	order    func(epoch, i int) int // the row at place i of an epoch
	plan     plan
	loss     lossOf
	aux      float64 // what the routers' auxiliary loss is multiplied with; 0 without one
	schedule optim.Schedule
	adamw    optim.Optimizer
	memory   Memory
	warning  string // where a micro-batch may not fit into memory_budget
	identity identity
	record   Record
	journal  *journal
	tokens   int64       // Metrics.NumTokens
	closers  []io.Closer // what the rows are read from
}

// Run trains a policy from a cache, into o.OutputDir.
//
// Assumptions: nobody else writes to o.OutputDir; the policy is in the state of From.
//
// Errors, to be tested with errors.Is: ErrOutput, ErrResume, ErrMismatch, ErrIdentity, ErrNonFinite, and what ctx, the engine, the cache
// and the disk say. After any of them a run that had begun can be resumed.
func Run(ctx context.Context, o Options, in Inputs) (Summary, error) {
	if err := o.Validate(); err != nil {
		return Summary{}, fmt.Errorf("trainer: options:\n%w", err)
	}
	began, err := ReadRecord(o.OutputDir)
	resumed := err == nil && o.Resume
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Summary{}, fmt.Errorf("trainer: %w", err)
	}
	if resumed {
		if err := o.changed(began.Options); err != nil {
			return Summary{}, fmt.Errorf("%w in %s with other options:\n%w\nGive the options it began with (they are in %s), or name another output_dir",
				ErrResume, o.OutputDir, err, recordName)
		}
	} else if err := checkFree(o.OutputDir); err != nil {
		return Summary{}, err
	}
	r := &run{o: o, policy: in.Policy, from: in.From, adapter: in.Adapter, template: in.Template, console: in.Console, status: in.Status}
	defer func() {
		for _, c := range r.closers {
			c.Close()
		}
	}()
	if err := r.prepare(ctx, in, began); err != nil {
		return Summary{}, err
	}
	restore, err := r.limitMemory()
	if err != nil {
		return Summary{}, err
	}
	defer restore()
	return r.train(ctx, began, resumed)
}

// prepare opens the cache, checks it against the policy and plans the run. The directory keeps nothing of a run that is refused but the
// index of the rows, which the next attempt makes anew.
func (r *run) prepare(ctx context.Context, in Inputs, began Record) error {
	snapshot, err := in.Open(ctx, began.Snapshot)
	if err != nil {
		return err
	}
	view := began.View
	if view == "" {
		view = r.o.View
	}
	if r.view, err = snapshot.ViewInfo(view); err != nil {
		return err
	}
	r.record = Record{Program: in.Program, Options: r.o, Snapshot: snapshot.Digest(), View: r.view.Name, Trained: r.trained()}
	if err := r.checkCache(snapshot.Manifest().Fingerprint); err != nil {
		return err
	}
	if err := os.MkdirAll(r.o.OutputDir, 0o755); err != nil {
		return fmt.Errorf("trainer: output_dir: %w", err)
	}
	open := snapshot.Index
	if r.o.Dedupe {
		open = snapshot.Distinct
	}
	index, err := open(ctx, r.view.Name, filepath.Join(r.o.OutputDir, indexName))
	if err != nil {
		return err
	}
	reader := snapshot.Rows(index)
	reader.Keep(keptRowBytes)
	r.closers = append(r.closers, reader, index)
	r.rows = viewRows{index, reader}
	return r.arrange()
}

// checkCache holds what the cache was made of against the policy.
func (r *run) checkCache(values schemas.Fingerprint) error {
	config, err := r.from.Config()
	if err != nil {
		return err
	}
	items, err := r.from.Fingerprint(config, r.policy.Numerics())
	if err != nil {
		return err
	}
	if err := r.from.Release(); err != nil {
		return err
	}
	if items, err = r.adapter.Mark(items, r.from, config); err != nil {
		return err
	}
	for _, it := range items {
		r.record.Fingerprint = append(r.record.Fingerprint, schemas.Item(it))
	}
	tokenizer, err := checkpoint.TokenizerDigest(r.from.Path())
	if err != nil {
		return err
	}
	templates := checkpoint.Templates{Default: r.template}
	if r.template == "" {
		templates, err = checkpoint.ChatTemplates(r.from.Path())
		if err != nil && !errors.Is(err, checkpoint.ErrNoTemplate) {
			return err
		}
	}
	r.record.Tokens = schemas.Fingerprint{
		{Name: schemas.ItemTokenizer, Digest: tokenizer, Detail: r.from.Path()},
		{Name: schemas.ItemChatTemplate, Digest: templates.Digest(), Detail: r.from.Path()},
	}
	r.record.Mismatches, r.identity, err = compare(r.o, values, r.view.Tokens, r.record.Fingerprint, r.record.Tokens)
	return err
}

// arrange plans the run over its rows.
func (r *run) arrange() error {
	if r.rows.Len() == 0 {
		return fmt.Errorf("trainer: view %s of the cache has no pairs: there is nothing to train on; its quarantine says why rows were left out", r.view.Name)
	}
	r.plan = newPlan(r.rows.Len(), r.o)
	r.order = order(r.o, r.rows.Len())
	r.record.Rows, r.record.Steps = r.rows.Len(), r.plan.total
	var err error
	if r.loss, err = loss.New(r.o.LossType, r.o.LossWeights, r.o.Beta); err != nil {
		return err
	}
	r.aux = r.auxCoef()
	if r.schedule, err = optim.NewSchedule(r.o.LRSchedulerType, r.plan.warmup(r.o), r.plan.total); err != nil {
		return err
	}
	o := optim.Options{Beta1: r.o.AdamBeta1, Beta2: r.o.AdamBeta2, Epsilon: r.o.AdamEpsilon, WeightDecay: r.o.WeightDecay}
	if r.o.Optim == OptimAdamW {
		r.adamw = optim.NewAdamW(r.policy.Params(), o)
	} else {
		r.adamw = optim.NewAdamW8(r.policy.Params(), o, r.embedding)
	}
	return nil
}

// embedding says whether a parameter is read by row: transformers has bitsandbytes keep the state of those in 32 bits.
func (r *run) embedding(p model.Param) bool {
	n := r.policy.Config().Names
	return strings.HasSuffix("."+p.Name, "."+n.Embed+".weight") || n.Positions != "" && strings.HasSuffix("."+p.Name, "."+n.Positions+".weight")
}

// begin records a new run, once its cache has passed.
func (r *run) begin(ctx context.Context) error {
	var err error
	if r.record.SampleDifference, err = r.checkSample(ctx); err != nil {
		return err
	}
	r.say("view %s: %d pairs, %d steps", r.record.View, r.record.Rows, r.record.Steps)
	if r.adapter != nil {
		r.say("training %s", r.record.Trained)
	}
	for _, m := range r.record.Mismatches {
		r.say("cache and policy differ in %s, which %s allows", m.Item, m.AllowedBy)
	}
	if err := writeJSON(filepath.Join(r.o.OutputDir, recordName), r.record); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	return nil
}

// goOn brings a run that began earlier to its newest checkpoint, and returns the steps that are done.
func (r *run) goOn(began Record) (int, error) {
	var faults []error
	for _, d := range began.Fingerprint.Differ(r.record.Fingerprint) {
		faults = append(faults, fmt.Errorf("%s: the run began with %s, this policy has %s", d[0].Name, describe(d[0]), describe(d[1])))
	}
	if err := began.Trained.changed(r.record.Trained); err != nil {
		faults = append(faults, err)
	}
	if faults != nil {
		return 0, fmt.Errorf("%w in %s with another policy:\n%w\nGive the policy it began with", ErrResume, r.o.OutputDir, errors.Join(faults...))
	}
	r.record = began
	done, err := r.restore()
	if err == nil {
		r.say("resuming after step %d of %d", done, r.plan.total)
	}
	return done, err
}

func (r *run) train(ctx context.Context, began Record, resumed bool) (Summary, error) {
	start, done, losses := time.Now(), 0, loss.RunningMean{}
	err := os.RemoveAll(filepath.Join(r.o.OutputDir, stagingName))
	if err != nil {
		return Summary{}, fmt.Errorf("trainer: %w", err)
	}
	if resumed {
		done, err = r.goOn(began)
	} else {
		err = r.begin(ctx)
	}
	if err != nil {
		return Summary{}, err
	}
	switch {
	case r.warning != "":
		r.say("%s", r.warning)
	case r.memory.Tokens > 0:
		r.say("%s", r.memory)
	}
	if r.journal, err = openJournal(filepath.Join(r.o.OutputDir, metricsName), done); err != nil {
		return Summary{}, err
	}
	defer r.journal.f.Close()
	for k := done; k < r.plan.total; k++ {
		m, err := r.timed(ctx, k, start, done)
		if errors.Is(err, ErrIdentity) { // the run never began: its directory stays free
			err = errors.Join(err, os.Remove(filepath.Join(r.o.OutputDir, recordName)))
		}
		if err != nil {
			return Summary{}, err
		}
		losses.Add(m.Loss)
		if r.saves(k + 1) {
			if err := r.save(k + 1); err != nil {
				return Summary{}, err
			}
		}
	}
	if err := r.saveModel(r.o.OutputDir); err != nil {
		return Summary{}, err
	}
	s := Summary{OutputDir: r.o.OutputDir, Rows: r.plan.rows, Steps: r.plan.total, Resumed: done, Epochs: r.plan.epochs(r.plan.total),
		NumTokens: r.tokens, Seconds: time.Since(start).Seconds(), TrainLoss: losses.Value(), SampleDifference: r.record.SampleDifference}
	if r.memory.Tokens > 0 {
		s.Memory = &r.memory
	}
	return s, r.journal.f.Sync()
}

// timed takes step k, writes its metrics and, when it is time, its line. This process began at step first.
func (r *run) timed(ctx context.Context, k int, began time.Time, first int) (Metrics, error) {
	start, before := time.Now(), r.tokens
	m, err := Metrics{}, ctx.Err()
	if err == nil {
		m, err = r.step(ctx, k)
	}
	if err != nil && ctx.Err() != nil {
		return m, fmt.Errorf("trainer: stopped after step %d of %d (resume goes on from the newest checkpoint): %w", k, r.plan.total, err)
	}
	if err != nil {
		return m, err
	}
	m.StepTime = time.Since(start).Seconds()
	m.TokensPerSecond = float64(r.tokens-before) / max(m.StepTime, 1e-9)
	if err := r.journal.write(m); err != nil {
		return m, err
	}
	left := time.Since(began) / time.Duration(k+1-first) * time.Duration(r.plan.total-k-1)
	if (k+1)%stepCount(r.o.LoggingSteps, r.plan.total) == 0 || k+1 == r.plan.total {
		r.say("%s", m.line(r.plan.total, left))
	}
	if r.status != nil {
		r.status(fmt.Sprintf("rows %d of %d, %.0f tokens/s, %s left", r.plan.pairs(k+1), r.plan.pairs(r.plan.total), m.TokensPerSecond, left.Round(time.Second)))
	}
	return m, nil
}

// saves says whether a checkpoint follows so many steps. As in transformers, one always follows the last, but with "no".
func (r *run) saves(done int) bool {
	switch r.o.SaveStrategy {
	case SaveBySteps:
		return done%stepCount(r.o.SaveSteps, r.plan.total) == 0 || done == r.plan.total
	case SaveByEpoch:
		return r.plan.endsEpoch(done) || done == r.plan.total
	}
	return false
}

func (r *run) say(format string, args ...any) {
	if r.console != nil {
		fmt.Fprintf(r.console, format+"\n", args...)
	}
}

// viewRows are the rows of a view in the cache.
type viewRows struct {
	*cache.Index
	reader *cache.RowReader
}

func (v viewRows) At(ctx context.Context, i int) (schemas.CachedPair, error) {
	return v.reader.At(ctx, i)
}
