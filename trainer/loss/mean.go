package loss

// Mean returns x₀ + Σ(x−x₀)/n, in order: the mean of n equal numbers is that number to the last bit. It panics without numbers.
func Mean(x []float64) float64 {
	m := RunningMean{first: x[0]} // panics without numbers
	for _, v := range x {
		m.Add(v)
	}
	return m.Value()
}

// A RunningMean is Mean of numbers that come one by one.
type RunningMean struct {
	first, sum float64 // x₀ and Σ(x−x₀)
	n          int
}

// Add takes one more number.
func (m *RunningMean) Add(x float64) {
	if m.n == 0 {
		m.first = x
	}
	m.n++
	m.sum += x - m.first
}

// Value returns the mean so far; 0 without numbers.
func (m *RunningMean) Value() float64 {
	if m.n == 0 {
		return 0
	}
	return m.first + m.sum/float64(m.n)
}
