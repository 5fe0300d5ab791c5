package optim

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/model"
)

// Two parameters, with and without decay, over three steps of other learning rates and gradients clipped to norm 0.5. The numbers are
// those of torch 2.15.0 in float32: torch.optim.AdamW (weight_decay 0.1 and 0, betas 0.9 and 0.98, eps 1e-8) after
// torch.nn.utils.clip_grad_norm_.
var (
	startP = []float32{1.5409960746765137, -0.293428897857666, -2.1787893772125244, 0.5684312582015991, -1.0845223665237427}
	startQ = []float32{-1.3985954523086548, 0.40334683656692505, 0.8380263447761536, -0.7192575931549072, -0.40334352850914}
)

var torchSteps = []struct {
	lr           float64
	gradP, gradQ []float32
	norm         float64
	p, q         []float32
}{
	{
		0,
		[]float32{-0.5966353416442871, 0.18203648924827576, -0.8566746115684509, 1.1006041765213013, -1.0711873769760132},
		[]float32{0.1227012425661087, -0.5663174986839294, 0.3731146454811096, -0.8919953107833862, -1.5091077089309692},
		2.651381015777588, startP, startQ,
	},
	{
		1e-3,
		[]float32{0.003703935304656625, 0.014565025456249714, 0.009398099035024643, 0.007748487871140242, 0.0019186942372471094},
		[]float32{1.2637947293114848e-06, -1.2904350796816288e-06, -7.911027068985277e-07, -2.0879474149637645e-08, -7.184800665527291e-07},
		0.01943974755704403,
		[]float32{1.5414901971817017, -0.29431015253067017, -2.1779427528381348, 0.5676736831665039, -1.0837477445602417},
		[]float32{-1.3992687463760376, 0.40402013063430786, 0.8373530507087708, -0.7185842990875244, -0.4026702344417572},
	},
	{
		3e-3,
		[]float32{51.863677978515625, -131.252197265625, 19.199506759643555, 54.27713394165039, -221.8779296875},
		[]float32{2.5898452826744744e-10, -1.0297022123850752e-09, -5.007583792071557e-10, 2.733677173516469e-10, -9.180999849256466e-10},
		269.18658447265625,
		[]float32{1.540917158126831, -0.2926596701145172, -2.176276683807373, 0.5651976466178894, -1.0810394287109375},
		[]float32{-1.400837779045105, 0.40558913350105286, 0.8357840776443481, -0.7170153260231018, -0.4011012613773346},
	},
}

var (
	torchFirst  = []float32{0.0008531250059604645, -0.02028793841600418, -0.008673714473843575, 0.02759084291756153, -0.05740242451429367}
	torchSecond = []float32{0.00042903583380393684, 0.00121550471521914, 0.0005284803919494152, 0.001031904248520732, 0.004180844873189926}
)

func TestAdamWIsTorchs(t *testing.T) {
	params := []model.Param{
		{Name: "p", Data: slices.Clone(startP), Grad: make([]float32, 5), Decay: true},
		{Name: "q", Data: slices.Clone(startQ), Grad: make([]float32, 5)},
	}
	a := NewAdamW(params, Options{Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-8, WeightDecay: 0.1})
	for i, s := range torchSteps {
		copy(params[0].Grad, s.gradP)
		copy(params[1].Grad, s.gradQ)
		norm, err := Norm(params)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(norm-s.norm) > 1e-6*s.norm { // torch's norm has float32's 6e-8
			t.Errorf("step %d: norm %.9g, want %.9g", i+1, norm, s.norm)
		}
		a.Step(s.lr, ClipScale(norm, 0.5))
		// Two units in the last place: torch fuses the product of m's update into its sum, and rounds the norm.
		within(t, "p", params[0].Data, s.p, 3e-7)
		within(t, "q", params[1].Data, s.q, 3e-7)
		for _, p := range params {
			if slices.ContainsFunc(p.Grad, func(g float32) bool { return g != 0 }) {
				t.Errorf("step %d leaves the gradient %v of %s", i+1, p.Grad, p.Name)
			}
		}
	}
	first, second := a.State()[0].Data, a.State()[1].Data
	within(t, "exp_avg", first, torchFirst, 1e-6)
	within(t, "exp_avg_sq", second, torchSecond, 1e-6)
	if a.steps != 3 {
		t.Errorf("%d steps, want 3", a.steps)
	}
}

func within(t *testing.T, name string, got, want []float32, share float64) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i])-float64(want[i])) > share*math.Abs(float64(want[i])) {
			t.Errorf("%s[%d]: got %.9g, want %.9g", name, i, got[i], want[i])
		}
	}
}

// TestThreads: sizes around the chunk, one processor and many give the same bits.
func TestThreads(t *testing.T) {
	train := func(procs int) ([]model.Param, float64) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		var params []model.Param
		for _, n := range []int{1, chunk - 1, chunk, chunk + 1, 3*chunk + 7} {
			p := model.Param{Name: "w", Data: make([]float32, n), Grad: make([]float32, n), Decay: n%2 == 0}
			for i := range p.Data {
				p.Data[i], p.Grad[i] = float32(i%97)/7, float32(i%89)/11-4
			}
			params = append(params, p)
		}
		norm, err := Norm(params)
		if err != nil {
			t.Fatal(err)
		}
		a := NewAdamW(params, Options{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1})
		a.Step(0.1, ClipScale(norm, 1))
		return params, norm
	}
	one, oneNorm := train(1)
	many, manyNorm := train(5)
	if oneNorm != manyNorm {
		t.Errorf("norms %x and %x", oneNorm, manyNorm)
	}
	for i := range one {
		if !slices.Equal(one[i].Data, many[i].Data) {
			t.Errorf("parameter %d differs between 1 and 5 processors", i)
		}
	}
}

func TestNormNamesTheCulprit(t *testing.T) {
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(-1))} {
		grad := make([]float32, chunk+2)
		grad[chunk+1] = bad
		_, err := Norm([]model.Param{
			{Name: "fine", Data: make([]float32, 1), Grad: make([]float32, 1)},
			{Name: "model.norm.weight", Data: make([]float32, len(grad)), Grad: grad},
		})
		if err == nil || !strings.Contains(err.Error(), "model.norm.weight is not finite") {
			t.Errorf("with %v: got error %v", bad, err)
		}
	}
}

func TestClipScale(t *testing.T) {
	for _, test := range []struct {
		norm, max float64
		want      float32
	}{{2, 1, 1 / 2.000001}, {0.5, 1, 1}, {0, 1, 1}, {100, 0, 1}} {
		if got := ClipScale(test.norm, test.max); got != test.want {
			t.Errorf("ClipScale(%g, %g) = %g, want %g", test.norm, test.max, got, test.want)
		}
	}
}

// The factors that transformers 5.23.0's get_scheduler gives over a learning rate of 1.
var scheduleTests = []struct {
	name          string
	warmup, total int
	want          []float64
}{
	{"linear", 3, 10, []float64{0, 0.3333333333333333, 0.6666666666666666, 1, 0.8571428571428571, 0.7142857142857143, 0.5714285714285714, 0.42857142857142855, 0.2857142857142857, 0.14285714285714285}},
	{"cosine", 3, 10, []float64{0, 0.3333333333333333, 0.6666666666666666, 1, 0.9504844339512095, 0.8117449009293668, 0.6112604669781572, 0.38873953302184283, 0.18825509907063326, 0.04951556604879048}},
	{"constant", 0, 4, []float64{1, 1, 1, 1}},
	{"constant_with_warmup", 3, 6, []float64{0, 0.3333333333333333, 0.6666666666666666, 1, 1, 1}},
	{"linear", 0, 4, []float64{1, 0.75, 0.5, 0.25}},
	{"cosine", 0, 4, []float64{1, 0.8535533905932737, 0.5, 0.14644660940672627}},
	{"linear", 12, 4, []float64{0, 0.08333333333333333, 0.16666666666666666, 0.25}},
	{"cosine", 2, 2, []float64{0, 0.5}},
}

func TestSchedules(t *testing.T) {
	for _, test := range scheduleTests {
		s, err := NewSchedule(test.name, test.warmup, test.total)
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range test.want {
			if got := s.At(k); math.Abs(got-want) > 1e-15 {
				t.Errorf("%s, warmup %d of %d, step %d: got %.17g, want %.17g", test.name, test.warmup, test.total, k, got, want)
			}
		}
	}
	if _, err := NewSchedule("polynomial", 0, 1); err == nil || !strings.Contains(err.Error(), "constant_with_warmup") {
		t.Errorf("got error %v, want one that names the schedules", err)
	}
}

func TestCosPi(t *testing.T) {
	for i := 0; i <= 4096; i++ {
		x := float64(i) / 4096
		if got, want := cosPi(x), math.Cos(math.Pi*x); math.Abs(got-want) > 4e-16 {
			t.Errorf("cosPi(%g): got %.17g, want %.17g", x, got, want)
		}
	}
}

func BenchmarkAdamW(b *testing.B) {
	const n = 1 << 24
	params := []model.Param{{Name: "w", Data: make([]float32, n), Grad: make([]float32, n), Decay: true}}
	a := NewAdamW(params, Options{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1})
	b.SetBytes(4 * 4 * n) // w, g, m and v
	for b.Loop() {
		a.Step(1e-6, 1)
	}
}
