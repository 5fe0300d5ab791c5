package report

import (
	"fmt"
	"slices"

	"github.com/steelyard-ml/steelyard/bench/host"
	"github.com/steelyard-ml/steelyard/bench/work"
	"github.com/steelyard-ml/steelyard/internal/simd/peak"
)

// A Gemm is products of matrices, each of OpenBLAS and of ours in turn.
type Gemm struct {
	Gauge    host.Gauge
	Products []Product
	Rounds   int     // of turns of both
	Least    float64 // seconds of turns in a round
}

// The kinds of products.
const (
	Float32     = "float32"
	BF16Weights = "bfloat16 weights" // B is bfloat16 and widened: arithmetic in float32
	BF16        = "bfloat16"         // both factors are rounded to bfloat16, sums are float32
)

// A Product is the best of a shape, layout and number of threads.
type Product struct {
	M, N, K  int
	Layout   string // NT: A·Bᵀ, forward; NN: A·B, the gradient of the input; TN: Aᵀ·B, the gradient of the weights
	Kind     string
	Counts   bool // towards the verdict
	Threads  int
	Ours     float64 // operations a second
	OpenBLAS float64 // of float32; 0 where there is none
}

// Shape names the product as M×N×K.
func (p Product) Shape() string { return fmt.Sprintf("%d×%d×%d", p.M, p.N, p.K) }

// Operations of a product.
func (p Product) Operations() float64 { return 2 * float64(p.M) * float64(p.N) * float64(p.K) }

// Share returns the product's share of the peak of its arithmetic.
func (p Product) Share(r *Report) float64 {
	if p.Kind == BF16 {
		return p.Ours / r.Gemm.Gauge.Rate(peak.BF16, p.Threads)
	}
	return p.Ours / r.Peak(r.Gemm.Gauge, p.Threads)
}

// column is a layout and a kind.
type column struct{ layout, kind string }

var columns = []column{{"NT", Float32}, {"NN", Float32}, {"TN", Float32}, {"NT", BF16Weights}, {"NN", BF16Weights}, {"NT", BF16}, {"NN", BF16}, {"TN", BF16}}

// A GemmTable is the products on so many threads, a shape a row.
type GemmTable struct {
	Threads int
	Counts  bool
	Peak    float64
	Rows    []GemmRow
}

// A GemmRow is the products of a shape, in order of the columns; a Product of zeros was not measured.
type GemmRow struct {
	Shape string
	Cells []Product
}

// Tables returns the tables of the page.
func (g *Gemm) Tables(r *Report) (tables []GemmTable) {
	for _, counts := range []bool{true, false} {
		for _, threads := range g.threads() {
			t := GemmTable{Threads: threads, Counts: counts, Peak: r.Peak(g.Gauge, threads)}
			for _, p := range g.Products {
				if p.Threads != threads || p.Counts != counts {
					continue
				}
				at := slices.IndexFunc(t.Rows, func(row GemmRow) bool { return row.Shape == p.Shape() })
				if at < 0 {
					at = len(t.Rows)
					t.Rows = append(t.Rows, GemmRow{p.Shape(), make([]Product, len(columns))})
				}
				t.Rows[at].Cells[slices.Index(columns, column{p.Layout, p.Kind})] = p
			}
			if t.Rows != nil {
				tables = append(tables, t)
			}
		}
	}
	return tables
}

func (g *Gemm) threads() (all []int) {
	for _, p := range g.Products {
		if !slices.Contains(all, p.Threads) {
			all = append(all, p.Threads)
		}
	}
	return all
}

// verdicts are over the shapes that count.
func (g *Gemm) verdicts(r *Report) (all []work.Verdict) {
	for _, threads := range g.threads() {
		for _, kind := range []string{Float32, BF16Weights} {
			var shares, ratios []float64
			for _, p := range g.Products {
				if p.Threads != threads || p.Kind != kind || !p.Counts {
					continue
				}
				shares = append(shares, p.Share(r))
				if p.OpenBLAS > 0 {
					ratios = append(ratios, p.Ours/p.OpenBLAS)
				}
			}
			if shares == nil {
				continue
			}
			what := fmt.Sprintf("GEMM, %s, %s", kind, count(threads, "thread"))
			all = append(all,
				work.Verdict{What: what + ": geometric mean of the shares of the peak", Value: work.Geomean(shares), Bound: 0.85, Unit: "%"},
				work.Verdict{What: what + ": least share of the peak", Value: slices.Min(shares), Bound: 0.75, Unit: "%"})
			if kind == Float32 {
				all = append(all, work.Verdict{What: what + ": geometric mean against OpenBLAS", Value: work.Geomean(ratios), Bound: 0.95, Unit: "%"})
			}
		}
	}
	return all
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}
