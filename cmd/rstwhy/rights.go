package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// relinquish goes on as another user than root once everything is open that needs root's
// rights: an attacker who writes packets may know more of rstwhy than its authors do.
func (o *options) relinquish() error {
	if os.Geteuid() != 0 {
		if o.user != "" {
			return fmt.Errorf("-Z %s: only root can become another user", o.user)
		}
		return nil
	}
	name := o.user
	if name == "" {
		owner, err := o.owner()
		if err != nil || owner == 0 {
			return err // what it writes lies where root alone may write, or in places of several
		}
		if u, err := user.LookupId(strconv.Itoa(owner)); err == nil {
			name = u.Username
		} else {
			return nil
		}
	}
	u, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("-Z %s: there is no such user", name)
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return fmt.Errorf("-Z %s: %w", name, err)
	}
	// The groups first: without root's rights they could not be given up.
	err = syscall.Setgroups([]int{gid})
	if err == nil {
		err = syscall.Setgid(gid)
	}
	if err == nil {
		err = syscall.Setuid(uid)
	}
	switch {
	case err != nil && o.user == "":
		tell(os.Stderr, "going on as root: becoming "+name+" failed: "+err.Error())
	case err != nil:
		return fmt.Errorf("-Z %s: %w", name, err)
	}
	return nil
}

// owner is the user to become when none is named: the owner of the folders that reports
// go to, nobody without one, and 0, root, where they have several.
func (o *options) owner() (int, error) {
	var folders []string
	for _, path := range o.outputs {
		folders = append(folders, filepath.Dir(path))
	}
	if o.save != "" {
		folders = append(folders, o.save)
	}
	if len(folders) == 0 {
		u, err := user.Lookup("nobody")
		if err != nil {
			return 0, nil
		}
		return strconv.Atoi(u.Uid)
	}
	first := -1
	for _, dir := range folders {
		info, err := os.Stat(dir)
		if err != nil {
			return 0, err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || first >= 0 && int(st.Uid) != first {
			return 0, nil
		}
		first = int(st.Uid)
	}
	return first, nil
}

// tellGone says that an interface has failed, and that it is back.
func tellGone(err error) {
	if err == nil {
		tell(os.Stderr, "the interface is back")
		return
	}
	tell(os.Stderr, err.Error()+"; waiting for it to come back")
}

var (
	errInterfaces = errors.New("-i is given more than once: give -i any, which is all interfaces, or run rstwhy for each")
	errLasts      = errors.New("--duration: give a time such as 90s, 10m or 12h")
)
