// A second opinion in Go: the module that checks Go's own checksum database reads what Jieli
// exports. Questions come as JSON lines, answers go out as JSON lines in the same order.
//
// golang.org/x/mod/sumdb/note and .../tlog judge notes and tree proofs. DSSE and cosignature/v1
// have no package there: a few lines build the signed bytes, crypto/ed25519 judges.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Kind                   string
	Note                   []byte
	VKeys                  []string
	Leaf, LeafHash         []byte
	Index, Size            int64
	OldSize, NewSize       int64
	Path                   [][]byte
	Root, OldRoot, NewRoot []byte
	Envelope, Public       []byte
}

type answer struct {
	Oracle string `json:"oracle"`
	Holds  bool   `json:"holds"`
	Why    string `json:"why"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		oracle, err := ask(&q)
		a := answer{Oracle: oracle, Holds: err == nil}
		if err != nil {
			a.Why = err.Error()
		}
		line, _ := json.Marshal(a)
		out.Write(append(line, '\n'))
	}
}

func ask(q *question) (string, error) {
	switch q.Kind {
	case "note":
		return "go-note", openNote(q)
	case "cosignature":
		return "go-ed25519", cosigned(q)
	case "envelope":
		return "go-ed25519", envelope(q)
	case "inclusion":
		return "go-tlog", inclusion(q)
	case "consistency":
		return "go-tlog", consistency(q)
	}
	return "", errors.New("unknown question")
}

func openNote(q *question) error {
	var known []note.Verifier
	for _, vkey := range q.VKeys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return err
		}
		known = append(known, verifier)
	}
	_, err := note.Open(q.Note, note.VerifierList(known...))
	return err
}

// cosignature/v1: u64be seconds and 64 bytes, over "cosignature/v1\ntime N\n" and the note's text.
func cosigned(q *question) error {
	name, key, id, err := vkey(q.VKeys[0])
	if err != nil {
		return err
	}
	at := bytes.LastIndex(q.Note, []byte("\n\n"))
	if at < 0 {
		return errors.New("no blank line")
	}
	text, lines := string(q.Note[:at+1]), string(q.Note[at+2:])
	for _, line := range strings.Split(strings.TrimSuffix(lines, "\n"), "\n") {
		part := strings.Split(line, " ")
		if len(part) != 3 || part[0] != "—" || part[1] != name {
			continue
		}
		sig, err := base64.StdEncoding.DecodeString(part[2])
		if err != nil || len(sig) != 4+8+64 || !bytes.Equal(sig[:4], id) {
			continue
		}
		seconds := binary.BigEndian.Uint64(sig[4:12])
		message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", seconds, text)
		if ed25519.Verify(key, []byte(message), sig[12:]) {
			return nil
		}
		return errors.New("the cosignature does not verify")
	}
	return errors.New("no cosignature of this key")
}

func vkey(text string) (name string, key ed25519.PublicKey, id []byte, err error) {
	part := strings.SplitN(text, "+", 3)
	if len(part) != 3 {
		return "", nil, nil, errors.New("malformed verifier key")
	}
	raw, err := base64.StdEncoding.DecodeString(part[2])
	if err != nil || len(raw) != 33 || raw[0] != 4 {
		return "", nil, nil, errors.New("not a cosigner's key")
	}
	sum := sha256.Sum256(append([]byte(part[0]+"\n"), raw...))
	if part[1] != hex.EncodeToString(sum[:4]) {
		return "", nil, nil, errors.New("another key id")
	}
	return part[0], raw[1:], sum[:4], nil
}

func envelope(q *question) error {
	var found struct {
		Payload     []byte
		PayloadType string
		Signatures  []struct {
			KeyID string
			Sig   []byte
		}
	}
	if err := json.Unmarshal(q.Envelope, &found); err != nil {
		return err
	}
	fingerprint := sha256.Sum256(append([]byte{
		0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}, q.Public...))
	pae := fmt.Sprintf("DSSEv1 %d %s %d %s",
		len(found.PayloadType), found.PayloadType, len(found.Payload), found.Payload)
	for _, s := range found.Signatures {
		if s.KeyID == hex.EncodeToString(fingerprint[:]) && ed25519.Verify(q.Public, []byte(pae), s.Sig) {
			return nil
		}
	}
	return errors.New("no signature of this key verifies")
}

func hashes(raw [][]byte) (all []tlog.Hash, err error) {
	for _, one := range raw {
		h, err := hash(one)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

func hash(raw []byte) (h tlog.Hash, err error) {
	if len(raw) != len(h) {
		return h, errors.New("not a hash")
	}
	copy(h[:], raw)
	return h, nil
}

func inclusion(q *question) error {
	leaf := tlog.RecordHash(q.Leaf)
	if len(q.LeafHash) > 0 {
		leaf, _ = hash(q.LeafHash)
	}
	path, err := hashes(q.Path)
	if err != nil {
		return err
	}
	root, err := hash(q.Root)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, q.Size, root, q.Index, leaf)
}

func consistency(q *question) error {
	path, err := hashes(q.Path)
	if err != nil {
		return err
	}
	before, err := hash(q.OldRoot)
	if err != nil {
		return err
	}
	after, err := hash(q.NewRoot)
	if err != nil {
		return err
	}
	return tlog.CheckTree(path, q.NewSize, after, q.OldSize, before)
}
