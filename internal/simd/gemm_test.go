package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

// gemmNaive is the product as Gemm's comment defines it.
func gemmNaive(c []float32, ldc int, a, b Operand, add bool) {
	x, y := dense(a), dense(b)
	for i := range a.Rows {
		for j := range b.Cols {
			var s float32
			if add {
				s = c[i*ldc+j]
			}
			for k := range a.Cols {
				s = fma(x[i*a.Cols+k], y[k*b.Cols+j], s)
			}
			c[i*ldc+j] = s
		}
	}
}

// dense returns the elements of o, row by row.
func dense(o Operand) []float32 {
	f := make([]float32, o.Rows*o.Cols)
	for i := range o.Rows {
		for j := range o.Cols {
			at := i*o.Stride + j
			if o.Trans {
				at = j*o.Stride + i
			}
			o.widen(f[i*o.Cols+j:][:1], at)
		}
	}
	return f
}

// randomOperand returns an operand of the given type and layout whose storage has a few elements between rows.
func randomOperand(r *rand.Rand, t DType, rows, cols int, trans bool) Operand {
	sr, sc := rows, cols
	if trans {
		sr, sc = cols, rows
	}
	o := Operand{Type: t, Rows: rows, Cols: cols, Stride: sc + r.IntN(3), Trans: trans}
	n := max(sr*o.Stride, 1)
	if t == Code4 {
		o.Codes = randomCodes(r, n+5)
		o.base = r.IntN(5)
		return o
	}
	if t == F32 {
		o.F32 = normals(r, n)
		return o
	}
	o.Raw = make([]uint16, n)
	for i := range o.Raw {
		switch x := r.NormFloat64(); t {
		case BF16:
			o.Raw[i] = uint16(math.Float32bits(float32(x)) >> 16)
		default:
			o.Raw[i] = uint16(r.IntN(0x7c00)) | uint16(r.IntN(2))<<15
		}
	}
	return o
}

// randomCodes returns n random elements in runs of a random length.
func randomCodes(r *rand.Rand, n int) *Codes {
	c := &Codes{Data: make([]byte, (n+1)/2), Values: (*[16]float32)(normals(r, 16)), Run: 1 << r.IntN(8)}
	for i := range c.Data {
		c.Data[i] = byte(r.Uint32())
	}
	c.Scales = normals(r, (n+c.Run-1)/c.Run)
	return c
}

func normals(r *rand.Rand, n int) []float32 {
	f := make([]float32, n)
	for i := range f {
		f[i] = float32(r.NormFloat64())
	}
	return f
}

// sameBits says whether x and y are the same number, sign of zero included, or both NaN.
func sameBits(x, y float32) bool {
	return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
}

func diff(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: length %d, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !sameBits(got[i], want[i]) {
			t.Fatalf("%s: element %d of %d is %v (%#x), want %v (%#x)", what, i, len(want), got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// eachLevel runs f with every level this machine has.
func eachLevel(t *testing.T, f func(t *testing.T)) {
	wasTable, wasBlock := table, block
	defer func() { table, block = wasTable, wasBlock }()
	for _, l := range available() {
		table = tableOf(l)
		block = blockingOf(table, hostCaches())
		t.Run(string(l), f)
	}
}

// TestBlocking holds the blocks that were measured on hosts of two kinds.
func TestBlocking(t *testing.T) {
	wide, narrow := &kernels{mr: 12, nr: 32}, &kernels{mr: 6, nr: 16}
	zen4, emerald := caches{32 << 10, 1 << 20, 32 << 20}, caches{48 << 10, 2 << 20, 300 << 20}
	for _, tc := range []struct {
		name        string
		tile        *kernels
		host        caches
		n, k, whole int
		rows        map[int]int // of a block of A, for blocks of so many of K
	}{
		{"Zen 4", wide, zen4, 1536, 576, 864, map[int]int{64: 144, 576: 144, 864: 96}},
		{"Emerald Rapids", wide, emerald, 1536, 1024, 1536, map[int]int{576: 144, 1024: 144, 1536: 96}},
		{"Emerald Rapids, AVX2", narrow, emerald, 1536, 480, 480, map[int]int{480: 144}},
		{"a small third-level cache", wide, caches{32 << 10, 1 << 20, 8 << 20}, 512, 576, 864, nil},
		{"tiny caches", wide, caches{8 << 10, 64 << 10, 1 << 20}, 512, 128, 192, map[int]int{32: 144, 128: 48, 192: 48}},
	} {
		got := blockingOf(tc.tile, tc.host)
		if got.n != tc.n || got.k != tc.k || got.whole != tc.whole {
			t.Errorf("%s: %d columns, %d of K, whole up to %d; want %d, %d, %d", tc.name, got.n, got.k, got.whole, tc.n, tc.k, tc.whole)
		}
		for k, want := range tc.rows {
			if rows := got.rows(k); rows != want {
				t.Errorf("%s: a block of A has %d rows for %d of K, want %d", tc.name, rows, k, want)
			}
		}
	}
}

func TestGemm(t *testing.T) {
	shapes := [][3]int{ // M, K, N
		{1, 1, 1}, {1, 7, 33}, {5, 3, 15}, {6, 8, 16}, {7, 9, 17}, {12, 1, 31}, {13, 64, 64}, {64, 64, 128},
		{65, 321, 70}, {3, 700, 290}, {9, 5, 50}, {40, 20, 96}, {23, 6, 112}, {150, 40, 300}, {0, 3, 4}, {4, 0, 5}, {4, 3, 0}, {2, 5, 4099},
	}
	types := [][2]DType{{F32, F32}, {F32, BF16}, {F16, F32}, {BF16, F16}, {F32, Code4}, {Code4, F32}, {F32, F32}}
	pool := NewPool(3)
	defer pool.Close()
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		var w Workspace
		for i, s := range shapes {
			for layout := range 8 {
				types := types[(i+layout)%len(types)]
				a := randomOperand(r, types[0], s[0], s[1], layout&1 > 0)
				b := randomOperand(r, types[1], s[1], s[2], layout&2 > 0)
				add := layout&4 > 0
				ldc := s[2] + r.IntN(3)
				what := fmt.Sprintf("M, K, N = %v, types %v, A.Trans %v, B.Trans %v, add %v", s, types, a.Trans, b.Trans, add)
				start := normals(r, s[0]*ldc)
				want := append([]float32(nil), start...)
				gemmNaive(want, ldc, a, b, add)
				got := append([]float32(nil), start...)
				GemmSeq(&w, got, ldc, a, b, add)
				diff(t, "GemmSeq "+what, got, want)
				copy(got, start)
				Gemm(pool, got, ldc, a, b, add)
				diff(t, "Gemm "+what, got, want)
				host := block
				block = blocking{m: 2 * table.mr, n: 64, k: 40} // many blocks
				copy(got, start)
				GemmSeq(&w, got, ldc, a, b, add)
				diff(t, "GemmSeq in small blocks "+what, got, want)
				copy(got, start)
				Gemm(pool, got, ldc, a, b, add)
				diff(t, "Gemm in small blocks "+what, got, want)
				block = host
			}
		}
	})
}

// TestGemmSpecials lets NaNs, infinities and subnormals go through a product: they change their own row and column only.
func TestGemmSpecials(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(15, 16))
		for range 20 {
			a, b := randomOperand(r, F32, 20, 30, r.IntN(2) > 0), randomOperand(r, F32, 30, 40, r.IntN(2) > 0)
			for range 6 {
				a.F32[r.IntN(len(a.F32))] = specials[r.IntN(len(specials))]
				b.F32[r.IntN(len(b.F32))] = specials[r.IntN(len(specials))]
			}
			got, want := make([]float32, 800), make([]float32, 800)
			gemmNaive(want, 40, a, b, false)
			Gemm(pool, got, 40, a, b, false)
			diff(t, "product", got, want)
		}
	})
}

// TestPackPanels compares each set's packing with the portable one, over lengths along k and with guard words behind the panel.
func TestPackPanels(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	eachLevel(t, func(t *testing.T) {
		for _, w := range []int{table.mr, 16, 32, table.nr} {
			src := normals(r, 70*70)
			raw := make([]uint16, 70*70)
			for i := range raw {
				raw[i] = uint16(r.Uint32())
			}
			for k := 1; k < 70; k++ {
				for _, strides := range [][2]int{{1, 70}, {70, 1}} {
					want := make([]float32, w*k)
					packGeneric(want, w, src, strides[0], strides[1], k)
					got := newVector(w*k, k%8, func() float32 { return 0 })
					what := fmt.Sprintf("w=%d k=%d strides %v", w, k, strides)
					table.pack(got.v, w, src, strides[0], strides[1], k)
					diff(t, what, got.v, want)
					got.intact(t, what)
					packBF16Generic(want, w, raw, strides[0], strides[1], k)
					table.packBF16(got.v, w, raw, strides[0], strides[1], k)
					diff(t, "bfloat16 "+what, got.v, want)
					got.intact(t, what)
				}
			}
		}
	})
}

// TestPackDown packs A that lies column by column, in bands at once where the level can, and panel by panel.
func TestPackDown(t *testing.T) {
	const m, k = 2*downRows + 13, 21
	eachLevel(t, func(t *testing.T) {
		a := randomOperand(rand.New(rand.NewPCG(21, 22)), F32, m, k, true)
		w := table.mr
		got, want := make([]float32, roundUp(m, w)*k), make([]float32, roundUp(m, w)*k)
		packPanels(got, make([]float32, maxTile*stripK), &a, 0, m, 0, k, w)
		for i := range m {
			for l := range k {
				want[i/w*w*k+l*w+i%w] = a.F32[l*a.Stride+i]
			}
		}
		diff(t, "panels", got, want)
	})
}

// TestWidths cuts every number of columns: the tiles' widths are multiples of readColumns, cover the columns, and lastColumn
// is where the last begins and columnNear where one does.
func TestWidths(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for n := 1; n < 300; n++ {
			j, last, begins := 0, 0, map[int]bool{}
			for j < n {
				width := table.width(n - j)
				if width <= 0 || width > table.nr || width%readColumns != 0 {
					t.Fatalf("%d columns are left: a tile of %d", n-j, width)
				}
				begins[j] = true
				last, j = j, j+width
			}
			for j := range n {
				if at := table.columnNear(j, n); at > j || !begins[at] {
					t.Errorf("%d columns: no tile begins at %d, said to be near %d", n, at, j)
				}
			}
			if j-n >= readColumns {
				t.Errorf("%d columns in tiles of %d", n, j)
			}
			if got := table.lastColumn(n); got != last {
				t.Errorf("%d columns: the last tile begins at %d, want %d", n, got, last)
			}
		}
	})
}

// TestQueue has an owner and others take a queue's blocks at once: each is taken once.
func TestQueue(t *testing.T) {
	const blocks, takers = 1000, 4
	var q queue
	q.fill(blocks)
	taken := make([][]int, takers)
	var all sync.WaitGroup
	for i := range takers {
		all.Go(func() {
			for b, ok := q.take(i > 0); ok; b, ok = q.take(i > 0) {
				taken[i] = append(taken[i], b)
			}
		})
	}
	all.Wait()
	times := make([]int, blocks)
	for _, list := range taken {
		for _, b := range list {
			times[b]++
		}
	}
	for b, n := range times {
		if n != 1 {
			t.Errorf("block %d is taken %d times", b, n)
		}
	}
}

// TestCommon has threads pack panels together, each beginning elsewhere: each panel is packed once, and whole for all.
func TestCommon(t *testing.T) {
	const panels, packers = 200, 4
	var c common
	for range 20 {
		c.begin(make([]float32, panels), panels*readColumns)
		var times [panels]atomic.Int32
		var all sync.WaitGroup
		for first := range packers {
			all.Go(func() {
				for i := range panels {
					i = (i + first*panels/packers) % panels
					if at := i * readColumns; c.take(at) {
						times[i].Add(1)
						runtime.Gosched()
						c.data[i] = float32(i + 1)
						c.give(at)
					}
					if !c.has(i*readColumns) || c.data[i] != float32(i+1) {
						t.Errorf("panel %d is used before it is packed", i)
					}
				}
			})
		}
		all.Wait()
		for i := range times {
			if n := times[i].Load(); n != 1 {
				t.Errorf("panel %d is packed %d times", i, n)
			}
		}
	}
}

// TestSplit holds what the busiest thread computes against an even share of the product.
func TestSplit(t *testing.T) {
	for _, s := range [][2]int{{1000, 1000}, {2048, 576}, {1536, 576}, {576, 1536}, {2048, 3072}, {500, 4000}} {
		m, n := s[0], s[1]
		for threads := 1; threads <= 8; threads++ {
			mt, nt := split(threads, m, n, 512)
			parts := ((m + mt - 1) / mt) * ((n + nt - 1) / nt)
			load := float64((parts+threads-1)/threads) * float64(mt) * float64(nt)
			if share := float64(m) * float64(n) / float64(threads); load > 1.15*share {
				t.Errorf("%d×%d on %d threads: %d parts of %d×%d, %.2f times a thread's share", m, n, threads, parts, mt, nt, load/share)
			}
		}
	}
}

// TestKept computes products whose blocks of B are kept from one block of rows to the next, in parts below and beside one another.
func TestKept(t *testing.T) {
	var pools []*Pool
	for _, threads := range []int{1, 2, 3, 7} {
		pools = append(pools, NewPool(threads))
		defer pools[len(pools)-1].Close()
	}
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(19, 20))
		for i, s := range [][3]int{{300, 33, 100}, {131, 5, 577}, {170, 64, 600}, {200, 90, 70}, {100, 90, 70}, {490, 150, 100}, {300, 64, 112}} { // M, K, N
			block = blocking{m: 2 * table.mr, n: 1024, k: 64, whole: 96, a: 48 * 96, away: 1000} // on any host
			if i == 4 {
				block.m = 144 // but for so long a K a block has 48 rows
			}
			if i == 5 { // seven threads pack B together, but the last has so few rows that it reads B in place
				block.whole = 200
			}
			a, b := randomOperand(r, F32, s[0], s[1], i == 1), randomOperand(r, F32, s[1], s[2], i == 2 || i == 6)
			if f := factorsOf(nil, 0, a, b, false, s[0]); !f.keep {
				t.Fatalf("%v: B is not kept: this tests nothing", s)
			}
			add, start, got := i%2 == 0, normals(r, s[0]*s[2]), make([]float32, s[0]*s[2])
			want := slices.Clone(start)
			gemmNaive(want, s[2], a, b, add)
			for _, pool := range pools {
				for range 2 {
					copy(got, start)
					Gemm(pool, got, s[2], a, b, add)
					diff(t, "product", got, want)
				}
			}
		}
	})
}

// TestAhead has the kernel of products walk over rows that are to be fetched: it must come as far as pass does, also where a row, or all of
// them, ends within a tile.
func TestAhead(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		if table.mr != 8 {
			t.Skip("this level's kernel goes on by pass itself, or fetches nothing")
		}
		data := make([]float32, 64*100)
		a, b, c := make([]float32, 8*96), make([]float32, 96*48), make([]float32, 8*48)
		for _, strides := range [][2]int{{1, 8}, {96, 1}} { // of packed panels, and of others
			for _, bytes := range []int{4, 64, 200, 640} {
				for _, rows := range []int{1, 3, 64} {
					got := aheadAt(unsafe.Pointer(&data[0]), 400, bytes, rows)
					want := got
					for _, k := range []int{3, 4, 17, 96} {
						table.column(8, 48, k, a, 0, strides[0], strides[1], b, 48, c, 48, false, &got)
						for line := 0; line < k/4 && want.rows > 0; line++ {
							want.pass(1)
						}
						if got != want {
							t.Fatalf("%d rows of %d bytes, strides %v: %+v, want %+v", rows, bytes, strides, got, want)
						}
					}
				}
			}
		}
	})
}

// TestWorkspaceBytes multiplies matrices of more than a block in every direction: the buffers take what is said, or a little less.
func TestWorkspaceBytes(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		was := block
		defer func() { block = was }()
		block = blocking{m: 144, n: 512, k: 128, whole: 192, a: 144 * 128, away: was.away}
		m, n := 2*block.m+1, block.n+1
		var w Workspace
		for _, k := range []int{2*block.k - 1, block.whole} {
			a, b := Matrix(make([]float32, m*k), m, k), Matrix(make([]float32, n*k), n, k).T()
			GemmSeq(&w, make([]float32, m*n), n, a, b, false)
			a, b = Matrix(make([]float32, m*k), k, m).T(), Matrix(make([]float32, n*k), k, n)
			GemmSeq(&w, make([]float32, m*n), n, a, b, false)
		}
		most := WorkspaceBytes()
		if took := 4 * int64(cap(w.a)+cap(w.b)+cap(w.aEdge)+cap(w.bEdge)+cap(w.strip)); took > most || took < most*9/10 {
			t.Errorf("the buffers take %d bytes, at most %d", took, most)
		}
	})
}
