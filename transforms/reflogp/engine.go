package reflogp

import (
	"fmt"
	"maps"
	"slices"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/schemas"
)

// An Engine is what computes with the reference model. Options.Engine chooses one by its name.
type Engine interface {
	// Describe reads and checks a model. Every fault of it is found here.
	Describe(m Model) (*Reference, error)
	// Load returns a model, ready to score with so many threads (0: as many as the machine has). It stays loaded.
	Load(m Model, threads int) (model.Scorer, error)
}

var engines = map[string]Engine{"": cpuEngine{}}

// Register adds an engine under a name. It is to be called from init, in every program that works on such a run; it panics for a name
// that is taken.
func Register(name string, e Engine) {
	if _, ok := engines[name]; ok {
		panic("reflogp: two engines have the name " + name)
	}
	engines[name] = e
}

func engineOf(name string) (Engine, error) {
	e, ok := engines[name]
	if !ok {
		return nil, fmt.Errorf("engine: this program has no %q; it has %q, where \"\" is the CPU", name, slices.Sorted(maps.Keys(engines)))
	}
	return e, nil
}

// cpuEngine is model/cpu.
type cpuEngine struct{}

// CPU returns the options with which model/cpu computes the model.
func (m Model) CPU(threads int, added *adapter.Adapter) cpu.Options {
	return cpu.Options{Threads: threads, Adapter: added, BF16: m.BF16}
}

func (cpuEngine) Describe(m Model) (*Reference, error) {
	if err := m.CPU(0, nil).Check(); err != nil {
		return nil, err
	}
	d, c, err := m.Open()
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if err := d.Validate(c); err != nil {
		return nil, err
	}
	added, err := m.OpenAdapter(c)
	if err != nil {
		return nil, err
	}
	defer added.Close()
	items, err := d.Fingerprint(c, m.CPU(0, added).Numerics())
	if err == nil {
		items, err = added.Mark(items, d, c)
	}
	if err != nil {
		return nil, err
	}
	r := &Reference{Vocab: c.Vocab, Positions: c.MaxPositions, Bytes: weightBytes(d.Path())}
	for _, it := range items {
		r.Fingerprint = append(r.Fingerprint, schemas.Item(it))
	}
	return r, nil
}

func (cpuEngine) Load(m Model, threads int) (model.Scorer, error) {
	d, c, err := m.Open()
	if err != nil {
		return nil, err
	}
	added, err := m.OpenAdapter(c)
	if err != nil {
		d.Close()
		return nil, err
	}
	sc, err := cpu.NewScorer(d, c, m.CPU(threads, added))
	if err != nil {
		added.Close()
		d.Close()
		return nil, err
	}
	return sc, nil
}
