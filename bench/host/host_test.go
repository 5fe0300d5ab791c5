package host

import (
	"math"
	"strings"
	"testing"
)

func TestZen4(t *testing.T) {
	for _, c := range []struct {
		cpu, level string
		want       bool
	}{
		{"AMD EPYC (family 25, model 17)", "avx512", true},
		{"AMD EPYC (family 25, model 1)", "avx2", false},
		{"AMD EPYC (family 26, model 2)", "avx512", false},
		{"Intel(R) Xeon(R) (family 6, model 207)", "avx512", false},
	} {
		if got := (Machine{CPU: c.cpu, Level: c.level}).Zen4(); got != c.want {
			t.Errorf("%s, %s: %v", c.cpu, c.level, got)
		}
	}
}

func TestCPUName(t *testing.T) {
	const text = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Intel(R) Xeon(R)\n\nprocessor\t: 1\nmodel name\t: other\n"
	if got, want := cpuName(strings.NewReader(text)), "Intel(R) Xeon(R) (family 6, model 143)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestField(t *testing.T) {
	const text = "VmPeak:\t  9 kB\nVmHWM:\t  1234 kB\nVmRSS:\t 7 kB\n"
	if got := field(strings.NewReader(text), "VmHWM"); got != 1234 {
		t.Errorf("%d", got)
	}
	if got := field(strings.NewReader(text), "Vm"); got != 0 {
		t.Errorf("%d of a field that is not there", got)
	}
}

func TestGauge(t *testing.T) {
	g := Gauge{{"a", true, 1, 10}, {"b", true, 1, 7}, {"c", false, 1, 99}, {"a", true, 1, 2}, {"b", true, 1, 8}, {"a", true, 2, 50}}
	if a, b := g.Rate("a", 1), g.Float32(1); a != 6 || b != 7.5 {
		t.Errorf("a is %v and the peak %v, want 6 and 7.5: the median decides, and a product of bfloat16 never", a, b)
	}
	if r := g.Range(1); r != [2]float64{8, 10} {
		t.Errorf("from %v to %v, want from 8 to 10: of each reading the fastest loop", r[0], r[1])
	}
	if n := g.Count(1); n != 2 {
		t.Errorf("%d readings", n)
	}
	if g.Float32(2) != 50 || !math.IsNaN(g.Float32(3)) || !math.IsNaN(Gauge(nil).Float32(1)) {
		t.Error("other threads count")
	}
}

func TestDescribe(t *testing.T) {
	if m := Describe("."); m.Cores < 1 || m.Level == "" || m.Class == "" {
		t.Errorf("%+v", m)
	}
}
