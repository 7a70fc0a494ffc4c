#!/bin/sh
# What people put behind Postfix today: the phone from the Subject, the text from the body, to Kannel by curl.
# Ends with 75 (try again later) where Kannel does not take it.
set -eu
mail=$(tr -d '\r')
phone=$(printf '%s\n' "$mail" | sed -n 's/^[Ss]ubject: *//p;/^$/q')
text=$(printf '%s\n' "$mail" | sed '1,/^$/d')
answer=$(curl --silent --show-error --max-time 30 --get @SEND_URL@ \
    --data-urlencode "from=4560994600" --data-urlencode "to=$phone" --data-urlencode "text=$text") || exit 75
case $answer in 0:*|3:*) ;; *) exit 75 ;; esac
