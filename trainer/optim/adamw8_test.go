package optim

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

// Over five steps the moments are those of bitsandbytes' 8-bit AdamW to the bit, given its weights; so are the weights but for torch's
// square root, which is off by a bit in some places.
func TestAdamW8AsBitsandbytes(t *testing.T) {
	python := tol.Python(t)
	path := filepath.Join(t.TempDir(), "adamw8.safetensors")
	if out, err := exec.Command(python, filepath.Join("testdata", "adamw8.py"), path, "7").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := checkpoint.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	read := func(name string) checkpoint.Tensor {
		t.Helper()
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	var params []model.Param
	for _, name := range []string{"large", "odd", "small", "vector", "embedding"} {
		w := read("1." + name + ".w")
		params = append(params, model.Param{Name: name, Shape: w.Shape, Data: make([]float32, w.Len()), Grad: make([]float32, w.Len()), Decay: name != "vector"})
	}
	a := NewAdamW8(params, Options{Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-8, WeightDecay: 0.1}, func(p model.Param) bool { return p.Name == "embedding" })
	codes := 0
	for step := range 5 {
		at := string(rune('1'+step)) + "."
		for _, p := range params {
			read(at+p.Name+".w").Widen(p.Data, 0)
			read(at+p.Name+".g").Widen(p.Grad, 0)
		}
		rate := 1e-2 / float64(step+1)
		a.Step(rate, 1)
		for _, s := range a.State() {
			want := read(at + s.Name)
			if s.Codes != nil {
				codes++
				if !bytes.Equal(s.Codes, want.Data) {
					t.Errorf("step %d: other codes in %s", step+1, s.Name)
				}
				continue
			}
			wide := make([]float32, want.Len())
			want.Widen(wide, 0)
			for i, x := range wide {
				if math.Float32bits(x) != math.Float32bits(s.Data[i]) {
					t.Fatalf("step %d: %s: number %d is %v, want %v", step+1, s.Name, i, s.Data[i], x)
				}
			}
		}
		off := 0
		for _, p := range params {
			want := make([]float32, len(p.Data))
			read(at+p.Name+".after").Widen(want, 0)
			for i, x := range want {
				if x != p.Data[i] {
					off++
				}
				// An update is a few times the rate; a bit of its denominator is 6e-8 of it.
				if d := math.Abs(float64(x - p.Data[i])); d > 2e-7*(10*rate+math.Abs(float64(x))) {
					t.Fatalf("step %d: weight %d of %s is %v, want %v", step+1, i, p.Name, p.Data[i], x)
				}
			}
		}
		t.Logf("step %d: %d weights have other last bits", step+1, off)
	}
	if codes != 2*2*5 {
		t.Errorf("%d states in codes, want those of two parameters", codes)
	}
}

// A state that is written down and read back goes on as if nothing had been, and the number of threads changes nothing.
func TestAdamW8GoesOn(t *testing.T) {
	run := func(stop int, threads int) []float32 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		r := rand.New(rand.NewPCG(1, 2))
		p := model.Param{Name: "p", Shape: []int{200_000}, Data: make([]float32, 200_000), Grad: make([]float32, 200_000), Decay: true}
		o := Options{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1}
		whole := func(model.Param) bool { return false }
		a := NewAdamW8([]model.Param{p}, o, whole)
		for step := range 6 {
			if step == stop {
				b := NewAdamW8([]model.Param{p}, o, whole)
				for i, s := range a.State() {
					copy(b.State()[i].Codes, s.Codes)
					copy(b.State()[i].Data, s.Data)
				}
				b.Resume(step)
				a = b
			}
			for i := range p.Grad {
				p.Grad[i] = float32(r.NormFloat64())
			}
			a.Step(1e-3, 0.5)
		}
		return p.Data
	}
	want := run(-1, 4)
	for _, got := range [][]float32{run(3, 4), run(-1, 1)} {
		for i := range want {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Fatalf("weight %d is %v, want %v", i, got[i], want[i])
			}
		}
	}
}

// The moments of a million weights take a quarter of the memory.
func TestAdamW8TakesAQuarter(t *testing.T) {
	p := []model.Param{{Name: "p", Shape: []int{1 << 20}, Data: make([]float32, 1<<20)}}
	held := func(make func() Optimizer) uint64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		a := make()
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(a)
		return after.HeapAlloc - before.HeapAlloc
	}
	a := held(func() Optimizer { return NewAdamW(p, Options{}) })
	b := held(func() Optimizer { return NewAdamW8(p, Options{}, func(model.Param) bool { return false }) })
	t.Logf("moments of 2^20 weights: %.2f bytes each, %.2f in 8 bits", float64(a)/(1<<20), float64(b)/(1<<20))
	if b > a*27/100 {
		t.Errorf("%d bytes in 8 bits, %d in 32", b, a)
	}
}

func TestFMARoundsOnce(t *testing.T) {
	for _, c := range []struct{ x, y, z, want float32 }{
		{2, 3, 4, 10},
		{1 + 0x1p-12, 1 + 0x1p-12, 0x1p-70, 1 + 0x1p-11 + 0x1p-23}, // a tie without the last addend
		{1 + 0x1p-12, 1 + 0x1p-12, 0, 1 + 0x1p-11},
		{1 + 0x1p-12, 1 + 0x1p-12, -0x1p-70, 1 + 0x1p-11},
		{math.MaxFloat32, 2, 0, float32(math.Inf(1))},
	} {
		if got := fma(c.x, c.y, c.z); got != c.want {
			t.Errorf("fma(%v, %v, %v) = %v, want %v", c.x, c.y, c.z, got, c.want)
		}
	}
}
