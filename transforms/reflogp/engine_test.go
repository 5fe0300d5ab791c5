package reflogp

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
	"github.com/steelyard-ml/steelyard/schemas"
)

func init() { Register("fake", fakeEngine{}) }

// fakeEngine computes as fake does.
type fakeEngine struct{}

func (fakeEngine) Describe(Model) (*Reference, error) {
	return &Reference{Fingerprint: schemas.Fingerprint{{Name: schemas.ItemNumerics, Digest: "fake/1"}}, Vocab: 7, Positions: 8, Bytes: 9}, nil
}

func (fakeEngine) Load(Model, int) (model.Scorer, error) { return &fake{}, nil }

// The engine that the options name describes the model at launch and scores in a bundle, also where the options came as JSON.
func TestEngine(t *testing.T) {
	r, err := Open(t.Context(), "fake", Model{Dir: t.TempDir()})
	if err != nil || r.Vocab != 7 || r.Positions != 8 || r.Bytes != 9 {
		t.Fatalf("Open: %+v, %v", r, err)
	}
	m := Model{Dir: t.TempDir(), Quantize: &quant.Scheme{Type: quant.NF4, BlockSize: 64, Nested: true}}
	text, err := json.Marshal(&scoreFn{Options: Options{Engine: "fake", Model: m, Fingerprint: r.Fingerprint}.withDefaults()})
	if err != nil {
		t.Fatal(err)
	}
	var f scoreFn
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, f.Options.Model); diff != "" {
		t.Errorf("the model that arrives is another:\n%s", diff)
	}
	f.Setup()
	window := []schemas.TokenPair{pair(0, []int32{1}, []int32{2, 3}, []int32{4})}
	want, _, _ := run(t, &fake{}, window, 100)
	var got []schemas.CachedPair
	scored := func(c schemas.CachedPair) { got = append(got, c) }
	f.StartBundle(t.Context(), scored, nil)
	if err := f.ProcessElement(t.Context(), window[0], scored, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.FinishBundle(t.Context(), scored, nil); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].RefChosenLogps != want[0].RefChosenLogps {
		t.Errorf("scored %+v, want %+v", got, want)
	}
}

// A model that another engine found is not the one that this engine finds in the same files.
func TestEnginesShareNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), "fake", Model{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if r, err := Open(t.Context(), "", Model{Dir: dir}); err == nil {
		t.Errorf("the CPU finds %+v in an empty directory", r)
	}
}

// A model in 4 bits is another than the one in the same files as it is stored.
func TestIdentityKnowsTheBits(t *testing.T) {
	m := Model{Dir: t.TempDir()}
	whole, err := identity("", m)
	if err != nil {
		t.Fatal(err)
	}
	m.Quantize = &quant.Scheme{Type: quant.NF4, BlockSize: 64}
	if bits, err := identity("", m); err != nil || bits == whole {
		t.Errorf("the identity in 4 bits is %q, %v, as without", bits, err)
	}
}

func TestEngineThatIsNotThere(t *testing.T) {
	_, opened := Open(t.Context(), "abacus", Model{Dir: t.TempDir()})
	_, loaded := load(t.Context(), Options{Engine: "abacus", Model: Model{Dir: t.TempDir()}})
	for _, err := range []error{opened, loaded, Options{Engine: "abacus", Model: Model{Dir: "m"}}.Validate()} {
		if err == nil || !strings.Contains(err.Error(), `engine: this program has no "abacus"; it has ["" "fake"]`) {
			t.Errorf("got %v, want a fault that names the engines there are", err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("two engines took one name")
		}
	}()
	Register("fake", fakeEngine{})
}
