#include "textflag.h"

// func pause()
TEXT ·pause(SB), NOSPLIT, $0-0
	MOVL $4, CX
again: // do {
	PAUSE
	DECL CX
	JNZ again // } while --CX > 0
	RET
