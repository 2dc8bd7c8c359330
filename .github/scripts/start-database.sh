#!/usr/bin/env bash
# Starts the PostgreSQL of a GitHub runner and migrates it with the packaged program. Tells the
# following steps the URLs of its roles. The passwords end with the runner.
set -euo pipefail

package=${1:?the zip}
sudo systemctl start postgresql.service
password=$(openssl rand -hex 16)
echo "::add-mask::$password"
sudo -u postgres psql --quiet --command "create role miq_owner login createrole createdb password '$password'"
sudo -u postgres createdb --owner miq_owner marketing_iq

url() {
  echo "postgres://$1:$password@127.0.0.1:5432/marketing_iq"
}
MIQ_DATABASE_APP_URL=$(url miq_app)
MIQ_DATABASE_TRANSFORM_URL=$(url miq_transform)
MIQ_DATABASE_API_URL=$(url miq_api)
export MIQ_DATABASE_APP_URL MIQ_DATABASE_TRANSFORM_URL MIQ_DATABASE_API_URL
folder=$(mktemp -d)
unzip -q "$package" marketing-iq -d "$folder"
MIQ_DATABASE_OWNER_URL=$(url miq_owner) "$folder/marketing-iq" migrate
{
  echo "MIQ_DATABASE_APP_URL=$MIQ_DATABASE_APP_URL"
  echo "MIQ_DATABASE_TRANSFORM_URL=$MIQ_DATABASE_TRANSFORM_URL"
  echo "MIQ_DATABASE_API_URL=$MIQ_DATABASE_API_URL"
} >>"$GITHUB_ENV"
