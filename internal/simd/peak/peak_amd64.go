package peak

import "golang.org/x/sys/cpu"

// Each issues n times 12 independent multiply-adds: of 8 float32s, of 16, and of 16 pairs of bfloat16s.

func avx2(n int)
func avx512(n int)
func bf16(n int)

func loops() (have []Loop) {
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL {
		have = append(have, Loop{AVX512, 12 * 16 * 2, avx512})
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		have = append(have, Loop{AVX2, 12 * 8 * 2, avx2})
	}
	if cpu.X86.HasAVX512BF16 {
		have = append(have, Loop{BF16, 12 * 32 * 2, bf16})
	}
	return have
}
