package report

import (
	"math"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/bench/host"
	"github.com/steelyard-ml/steelyard/bench/work"
	"github.com/steelyard-ml/steelyard/internal/simd/peak"
	"github.com/steelyard-ml/steelyard/model"
)

// full is a report with every section, of numbers that are easy to work with: a peak of 100 GFLOP/s on 2 threads and 50 on 1.
func full() *Report {
	config := &model.Config{Family: "tiny", Vocab: 10, Hidden: 8, Layers: 3, Heads: 2, KVHeads: 1, HeadDim: 4, Intermediate: 16}
	gauge := host.Gauge{{Loop: "AVX2 FMA", Float32: true, Threads: 1, Rate: 50e9}, {Loop: "AVX2 FMA", Float32: true, Threads: 2, Rate: 100e9},
		{Loop: peak.BF16, Threads: 2, Rate: 200e9}}
	sums := [][2]float64{{-1, -2}}
	run := func(name, counterpart string, reference, train float64, peak int64, losses ...float64) Run {
		return Run{Name: name, Peer: counterpart != "", Counterpart: counterpart, Reference: reference, Train: train, TrainPairs: 1, Peak: peak, Losses: losses,
			IDs: []string{"a"}, Logps: sums}
	}
	return &Report{
		Machine: host.Machine{CPU: "AMD EPYC (family 25, model 17)", Level: "avx512"},
		Threads: 2, Model: "tiny", Config: config, Weights: 100, Command: "make bench", OpenBLAS: "OpenBLAS 0", Versions: map[string]string{"torch": "2"},
		Skipped: []string{"nothing"},
		Gemm: &Gemm{Gauge: gauge, Rounds: 3, Least: 0.1, Products: []Product{
			{M: 2, N: 3, K: 4, Layout: "NT", Kind: Float32, Counts: true, Threads: 2, Ours: 81e9, OpenBLAS: 90e9},
			{M: 2, N: 3, K: 4, Layout: "TN", Kind: Float32, Counts: true, Threads: 2, Ours: 100e9, OpenBLAS: 80e9},
			{M: 2, N: 3, K: 4, Layout: "NN", Kind: BF16Weights, Counts: true, Threads: 2, Ours: 70e9},
			{M: 2, N: 3, K: 4, Layout: "TN", Kind: BF16, Counts: true, Threads: 2, Ours: 120e9},
			{M: 2, N: 3, K: 9, Layout: "NT", Kind: Float32, Threads: 2, Ours: 1e9, OpenBLAS: 200e9 / 3},
		}},
		Passes: &Passes{Gauge: gauge, Pairs: []work.Pair{{Prompt: 2, Chosen: 3, Rejected: 1}}, IDs: []string{"a"}, Steps: 1, Rank: 2, Budget: 4096, Runs: []Run{
			run(Reference, "", 2, 0, 10), run(Reference, "", 4, 0, 20), run(Full, "", 0, 10, 100, 0.69), run(LoRA, "", 0, 5, 50, 0.69),
			run(Reference2048, "", 3, 0, 480), run(Checkpointed, "", 0, 12, 60, 0.69),
			run(Torch, Full, 6, 20, 300, 0.69), run(TRL, Full, 9, 30, 400, 0.69005), run("TRL, float32, batch 4", Full, 9, 40, 900, 0.7),
			run(TRLLoRA, LoRA, 9, 15, 400, 0.69), {Name: TorchBF16, Peer: true, Failed: "no memory"},
			{Name: ReferenceBF16, Reference: 1.5, Logps: [][2]float64{{-1.5, -1.25}}},
		}},
		Ablation: &Ablation{Pairs: 1, Cases: []Case{{Layout: "as built", Seconds: 2, Tokens: 6}, {Layout: "apart", Seconds: 3, Tokens: 8}, {Layout: "x", Failed: "no"}}},
		Length: &Length{Points: []Point{{Tokens: 256, Reference: 1, Train: 3, TrainPeak: 100}, {Tokens: 512, Reference: 2, Train: 6, TrainPeak: 150},
			{Tokens: 1024, Reference: 4, Train: 12, TrainPeak: 250}}},
		Shares: &Shares{Wall: 12, Load: 2, Score: 9.6, Step: 5, Read: 0.01},
		Quoted: []Quoted{{Title: "Rows", Command: "go test", Lines: []Line{{"a", []string{"1 rows/s"}}}}, {Title: "Sets", Failed: "no such benchmark"}},
	}
}

func verdictOf(t *testing.T, r *Report, what string) work.Verdict {
	t.Helper()
	for _, v := range r.Verdicts() {
		if v.What == what {
			return v
		}
	}
	t.Fatalf("there is no verdict %q", what)
	panic("unreachable")
}

func TestVerdicts(t *testing.T) {
	r := full()
	operations := 3.0 * (20736 + 1728 + 640) // as in package work
	for _, c := range []struct {
		what  string
		value float64
		met   bool
	}{
		{"GEMM, float32, 2 threads: geometric mean of the shares of the peak", 0.9, true},
		{"GEMM, float32, 2 threads: least share of the peak", 0.81, true},
		{"GEMM, float32, 2 threads: geometric mean against OpenBLAS", math.Sqrt(0.9 * 1.25), true},
		{"GEMM, bfloat16 weights, 2 threads: least share of the peak", 0.7, false},
		{Reference + ": share of the peak", operations / 3 / 3 / 100e9, false},
		{Full + ": share of the peak", operations / 10 / 100e9, false},
		{ReferenceBF16 + " against float32", 2, true},
		{"reference pass against " + TRL, 3, true},
		{"training against " + TRL, 3, true},
		{"reference pass against " + Torch, 2, true},
		{"training against " + TRLLoRA, 3, true},
		{"peak memory, " + Reference2048 + ", of the weights in float32", 1.2, true},
		{"peak memory in training, of " + TRL + "'s", 0.25, true},
		{"losses against " + TRL + ": largest difference", 5e-5, true},
		{"losses against TRL, float32, batch 4: largest difference", 1e-2, false},
		{"memory of a training step: growth over the last doubling of the length, by that over the one before (linear: 2)", 2, true},
		{"precompute on direct: share of the time that is not the engine's", 0.04, true},
		{"training: share of a step that reads Parquet", 0.002, true},
	} {
		v := verdictOf(t, r, c.what)
		if math.Abs(v.Value-c.value) > 1e-9*math.Abs(c.value)+1e-12 || v.Met() != c.met {
			t.Errorf("%s: %v, met %v; want %v, %v", c.what, v.Value, v.Met(), c.value, c.met)
		}
	}
	for _, what := range []string{"training against " + TorchBF16, "peak memory in training, gradient checkpointing on both, of TRL's"} {
		if v := verdictOf(t, r, what); v.Measured() || v.Met() {
			t.Errorf("%s: %v though it was not measured", what, v.Value)
		}
	}
}

// Aims for a host of one kind are none on another.
func TestVerdictsOfOtherHosts(t *testing.T) {
	const factor, shares = "training against " + TRL, Full + ": share of the peak"
	r := full()
	for _, c := range []struct {
		cpu                string
		bf16               float64
		factor, bf16factor bool // have an aim
	}{
		{"AMD EPYC (family 25, model 17)", 200e9, true, true},
		{"Intel(R) Xeon(R) (family 6, model 207)", 50e9, false, false},
		{"Intel(R) Xeon(R) (family 6, model 207)", 200e9, false, true},
	} {
		r.Machine.CPU, r.Machine.Level = c.cpu, "avx512"
		r.Passes.Gauge[2].Rate = c.bf16
		for what, want := range map[string]bool{factor: c.factor, ReferenceBF16 + " against float32": c.bf16factor, shares: true} {
			v := verdictOf(t, r, what)
			if v.Other == want {
				t.Errorf("%s, bfloat16 at %v: %s: another host's %v, want %v", c.cpu, c.bf16, what, v.Other, !want)
			}
			if met := strings.HasSuffix(verdictCells(v), "| – |"); met == want {
				t.Errorf("%s: %s", c.cpu, verdictCells(v))
			}
		}
	}
}

// A peak below what OpenBLAS reaches is not the peak, be the product one that counts or not.
func TestPeakIsNoLessThanOpenBLAS(t *testing.T) {
	r := full()
	if got := r.Peak(r.Gemm.Gauge, 2); got != 100e9 {
		t.Errorf("%v", got)
	}
	r.Gemm.Products[4].OpenBLAS = 125e9
	if got := r.Peak(r.Gemm.Gauge, 2); got != 125e9 {
		t.Errorf("%v, want OpenBLAS's 125e9", got)
	}
	if got := verdictOf(t, r, "GEMM, float32, 2 threads: least share of the peak").Value; math.Abs(got-0.648) > 1e-9 {
		t.Errorf("a share of %v, want 0.648", got)
	}
	if got := r.Peak(nil, 2); got != 125e9 {
		t.Errorf("%v without readings", got)
	}
}

// The fastest of TRL's batch sizes is the one to be held against.
func TestBestTRL(t *testing.T) {
	r := full()
	r.Passes.Runs[8].Train = 25
	if got := r.Passes.bestTRL(); got != "TRL, float32, batch 4" {
		t.Errorf("%q", got)
	}
}

func TestFailures(t *testing.T) {
	if n := full().Failures(); n != 3 { // a peer, a layout and a quoted benchmark
		t.Errorf("%d", n)
	}
	if got, want := brief("a\n b|c"), `a b\|c`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := brief(strings.Repeat("é", 1000)); len([]rune(got)) != 303 {
		t.Errorf("%d characters", len([]rune(got)))
	}
}

func TestOtherTokensShow(t *testing.T) {
	r := full()
	r.Passes.Runs[6].IDs = []string{"b"}
	if c := r.Passes.Comparisons()[0]; c.Name != Torch || c.SameTokens {
		t.Errorf("%+v", c)
	}
}

func TestBF16(t *testing.T) {
	p := full().Passes
	if got, want := *p.BF16(), (Rounded{Faster: 2, Largest: 0.75, Mean: 0.625, Same: 0, Pairs: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	p.Runs = p.Runs[:2]
	if got := p.BF16(); got != nil {
		t.Errorf("%+v without a run", got)
	}
}

func TestPage(t *testing.T) {
	var page strings.Builder
	if err := full().Write(&page); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"| AVX2 FMA | 50 | 100 |",
		"| 2×3×4 | 81 / 90 (81.0 %) | – | 100 / 80 (100.0 %) | – | 70 (70.0 %) | – | – | 120 (60.0 %) |",
		"| training against " + TorchBF16 + " | not measured | at least 1.20× (Zen 4) | |",
		"| reference pass against " + TRL + " | 3.00× | at least 2.50× (Zen 4) | yes |",
		"| " + Reference + " | 2.0, 4.0 | 0.333 |",
		"| " + TRL + " | 0.111 | 3.00× | 0.033 | 3.00× |",
		TorchBF16 + " failed: no memory",
		"0.625 nats in the mean and 0.75 at most; of 0 of 1 pairs",
		"| apart |  | 3.00 | 1.50× | 8 |",
		"Gradient checkpointing, in training of all weights: 1.20× the time and 60.0 % of the memory.",
		"| 1024 | 4.00 | 3906 |",
		"4.00 % of the time",
		"| a | 1 rows/s |",
		"no such benchmark",
	} {
		if !strings.Contains(page.String(), line) {
			t.Errorf("the page lacks %q", line)
		}
	}
	if t.Failed() {
		t.Log(page.String())
	}
	if err := new(Report).Write(&page); err != nil {
		t.Errorf("a page of nothing: %v", err)
	}
}

func TestBenchLines(t *testing.T) {
	const out = `goos: linux
cpu: AMD EPYC
BenchmarkRows/runner=direct-2         	       1	 123456 ns/op	     10.5 1k-rows/s	       3 MB
    bench_test.go:9: a word between
BenchmarkSets-16  	       2	 7e9 ns/op
BenchmarkBroken
PASS
`
	got := BenchLines(out)
	if len(got) != 2 || got[0].Name != "Rows/runner=direct" || strings.Join(got[0].Values, "; ") != "123.5 µs; 10.5 1k-rows/s; 3 MB" ||
		got[1].Name != "Sets" || len(got[1].Values) != 1 {
		t.Errorf("%+v", got)
	}
	if BenchLines("PASS\n") != nil {
		t.Error("there are none")
	}
}
