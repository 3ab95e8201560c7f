// Exit codes: a check that found something wrong is told apart from a command that failed.

package output

import "fmt"

// CheckFailed is the exit code of a check that ran and found something wrong. Every other failure exits with 1.
const CheckFailed = 2

// ExitError is an error that chooses the exit code of the process.
type ExitError struct {
	Code int
	Err  error
}

func (e ExitError) Error() string { return e.Err.Error() }
func (e ExitError) Unwrap() error { return e.Err }

// Failed is the error of a check that found something wrong.
func Failed(err error) error { return ExitError{CheckFailed, err} }

// Failedf is Failed with a message.
func Failedf(format string, args ...any) error { return Failed(fmt.Errorf(format, args...)) }
